//! Webhook calls: parsing and verification.
