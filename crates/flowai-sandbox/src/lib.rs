//! Flow.ai on this machine: a server that behaves like the REST API and calls webhooks.
