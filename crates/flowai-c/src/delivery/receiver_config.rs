//! What a receiver is made of.

use std::{mem::MaybeUninit, sync::RwLock, time::Duration};

use flowai::{Result, Verifier};
use flowai_delivery::{Inbox, Limits, Receiver, ReceiverBuilder};

use super::{
    inbox::flowai_inbox,
    settings::{copy, set},
};
use crate::{
    error::flowai_error,
    guard::{free, make},
    registry::{self, handle},
    status::flowai_status,
    strings::Text,
    verifier::flowai_verifier,
};

/// The settings of a receiver. Free it with flowai_receiver_config_free(), any time after flowai_receiver_start(),
/// which copies it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_receiver_config {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_receiver_config => RwLock<ReceiverConfig>, 15);

#[derive(Clone, Default)]
pub(crate) struct ReceiverConfig {
    /// `None` until something was said.
    verifier: Option<Option<Verifier>>,
    listen: Option<String>,
    path: Option<String>,
    /// `None` until something was said.
    health: Option<Option<String>>,
    inbox: Option<Inbox>,
    tls: Option<(String, String)>,
    queue: Option<usize>,
    limits: Limits,
}

impl ReceiverConfig {
    pub(crate) fn of(handle: flowai_receiver_config) -> Result<ReceiverBuilder> {
        let config = copy(handle, "config")?;
        let mut builder = Receiver::builder().limits(config.limits).inbox(config.inbox);
        if let Some(verifier) = config.verifier {
            builder = builder.verifier(verifier);
        }
        if let Some(listen) = config.listen {
            builder = builder.listen(listen);
        }
        if let Some(path) = config.path {
            builder = builder.path(path);
        }
        match config.health {
            None => {}
            Some(None) => builder = builder.without_health(),
            Some(Some(path)) => builder = builder.health(path),
        }
        if let Some((certificate, key)) = config.tls {
            builder = builder.tls(certificate, key);
        }
        if let Some(events) = config.queue {
            builder = builder.queue(events);
        }
        Ok(builder)
    }
}

/// Makes settings with every default. Before a receiver can start, one of flowai_receiver_config_set_verifier() and
/// flowai_receiver_config_set_no_verifier() must be called.
///
/// @param err  Receives an error on failure; may be NULL.
/// @param out  Receives the settings, which the caller frees.
/// @return     FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
/// @par Thread safety  Any thread.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_receiver_config_new(
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_receiver_config>>,
) -> flowai_status {
    make(err, out, || Ok(RwLock::new(ReceiverConfig::default())))
}

/// Sets who may call. A call that the verifier refuses is answered with HTTP status 401.
///
/// @param config    Settings.
/// @param verifier  A verifier, which stays the caller's and may be freed at once.
/// @param err       Receives an error on failure; may be NULL.
/// @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_receiver_config_set_verifier(
    config: flowai_receiver_config,
    verifier: flowai_verifier,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(config, "config", err, |config| {
        config.verifier = Some(Some(registry::get(verifier)?.clone()));
        Ok(())
    })
}

/// Takes calls from everybody who can reach the address.
///
/// @param config  Settings.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_receiver_config_set_no_verifier(
    config: flowai_receiver_config,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(config, "config", err, |config| {
        config.verifier = Some(None);
        Ok(())
    })
}

/// Sets the address to listen on. Default: "127.0.0.1:0".
///
/// @param config   Settings.
/// @param address  As host:port; port 0 takes a free one.
/// @param err      Receives an error on failure; may be NULL.
/// @return         FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_receiver_config_set_listen(
    config: flowai_receiver_config,
    address: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(config, "config", err, |config| {
        config.listen = Some(address.required("listen")?.to_owned());
        Ok(())
    })
}

/// Sets the path of the webhook; every other one is answered with HTTP status 404. Default: "/".
///
/// @param config  Settings.
/// @param path    An absolute path, percent-encoded, without a query.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_receiver_config_set_path(
    config: flowai_receiver_config,
    path: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(config, "config", err, |config| {
        config.path = Some(path.required("path")?.to_owned());
        Ok(())
    })
}

/// Sets where GET tells how the receiver is doing, to anybody who asks: HTTP status 200 or 503, and numbers in JSON.
/// Where it is the path of the webhook, that comes first. Default: "/health".
///
/// @param config  Settings.
/// @param path    An absolute path, percent-encoded, without a query; NULL to tell nobody.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_receiver_config_set_health(
    config: flowai_receiver_config,
    path: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(config, "config", err, |config| {
        config.health = Some(path.optional("health")?.map(str::to_owned));
        Ok(())
    })
}

/// Makes the receiver store events in an inbox, and acknowledge a call once they are safe there. While they cannot be
/// stored calls are answered with HTTP status 503, and Flow.ai sends them again for up to four hours ("Responding to a
/// call" of the API document). Take the events from the inbox; the receiver hands out none itself. Default: a queue in
/// memory, which is not durable.
///
/// @param config  Settings.
/// @param inbox   An inbox, which stays the caller's and may be freed at once.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_receiver_config_set_inbox(
    config: flowai_receiver_config,
    inbox: flowai_inbox,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(config, "config", err, |config| {
        config.inbox = Some((**registry::get(inbox)?).clone());
        Ok(())
    })
}

/// Makes the receiver speak HTTPS. When the files change they are loaded again. Default: HTTP, for tests and behind a
/// proxy; the service itself calls only HTTPS.
///
/// @param config       Settings.
/// @param certificate  A PEM file with the certificate and the chain above it.
/// @param key          A PEM file with its private key.
/// @param err          Receives an error on failure; may be NULL.
/// @return             FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_receiver_config_set_tls(
    config: flowai_receiver_config,
    certificate: Text,
    key: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(config, "config", err, |config| {
        config.tls = Some((
            certificate.required("certificate")?.to_owned(),
            key.required("key")?.to_owned(),
        ));
        Ok(())
    })
}

/// Sets how many events wait in memory at most to be taken; then calls are answered with HTTP status 503. An inbox has
/// no such limit. Default: 1,024.
///
/// @param config  Settings.
/// @param events  A number, more than 0.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_receiver_config_set_queue(
    config: flowai_receiver_config,
    events: usize,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(config, "config", err, |config| {
        config.queue = Some(events);
        Ok(())
    })
}

/// Sets the largest body of a call; then HTTP status 413. Default: 1 MiB.
///
/// @param config  Settings.
/// @param bytes   Bytes, more than 0.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_receiver_config_set_max_body_bytes(
    config: flowai_receiver_config,
    bytes: usize,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(config, "config", err, |config| {
        config.limits.body_bytes = bytes;
        Ok(())
    })
}

/// Sets how many connections are open at most. Default: 1,024, of which 256 from one address.
///
/// @param config       Settings.
/// @param connections  All together, more than 0.
/// @param per_address  Of one address, more than 0; give the same behind a proxy.
/// @param err          Receives an error on failure; may be NULL.
/// @return             FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_receiver_config_set_max_connections(
    config: flowai_receiver_config,
    connections: usize,
    per_address: usize,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(config, "config", err, |config| {
        config.limits.connections = connections;
        config.limits.connections_per_address = per_address;
        Ok(())
    })
}

/// Sets how long flowai_receiver_stop() waits for requests in flight. Default: 10,000.
///
/// @param config  Settings.
/// @param ms      Milliseconds.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_receiver_config_set_drain_time_ms(
    config: flowai_receiver_config,
    ms: u32,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(config, "config", err, |config| {
        config.limits.drain_time = Duration::from_millis(ms.into());
        Ok(())
    })
}

/// Frees settings. {0} and what was freed before are left alone.
///
/// @param config  Settings.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_receiver_config_free(config: flowai_receiver_config) {
    free(config);
}
