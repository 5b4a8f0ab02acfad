//! Options that differ from those of a client, for the calls made with them.

use std::time::Duration;

use crate::{
    cancel::Cancel,
    client::Client,
    config::Config,
    error::{Error, Result},
    models::Originator,
};

/// What a client made by [`Client::with_options`] does differently.
///
/// ```no_run
/// # let client = flowai::Client::builder().build()?;
/// use flowai::Options;
/// let patient = client.with_options(Options::new().timeout(std::time::Duration::from_secs(120)))?;
/// # Ok::<_, flowai::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Options {
    timeout: Option<Duration>,
    max_retries: Option<u32>,
    originator: Option<Originator>,
    cancel: Option<Cancel>,
}

impl Options {
    /// No difference.
    pub fn new() -> Options {
        Options::default()
    }

    /// One deadline over all attempts of a call.
    pub fn timeout(mut self, timeout: Duration) -> Options {
        self.timeout = Some(timeout);
        self
    }

    /// How often a call is repeated when that is safe.
    pub fn max_retries(mut self, retries: u32) -> Options {
        self.max_retries = Some(retries);
        self
    }

    /// Who sends messages that name no sender themselves.
    pub fn originator(mut self, originator: impl Into<Originator>) -> Options {
        self.originator = Some(originator.into());
        self
    }

    /// What ends every call with [`Cancelled`](crate::ErrorKind::Cancelled), beside that of the call itself.
    pub fn cancel(mut self, cancel: &Cancel) -> Options {
        self.cancel = Some(cancel.clone());
        self
    }
}

impl Client {
    /// A client that does some things differently. It shares the connections of this one: closing
    /// either closes both.
    ///
    /// # Errors
    /// `InvalidArgument`, naming the option.
    pub fn with_options(&self, options: Options) -> Result<Client> {
        let mut config: Config = self.config().clone();
        if let Some(timeout) = options.timeout {
            if timeout.is_zero() {
                return Err(Error::argument("timeout", "must be more than zero"));
            }
            config.timeout = timeout;
        }
        if let Some(retries) = options.max_retries {
            config.max_retries = retries;
        }
        if let Some(originator) = options.originator {
            crate::payload::check_originator(&originator)?;
            config.originator = originator;
        }
        if let Some(cancel) = options.cancel {
            config.cancel = Some(cancel);
        }
        Ok(self.sharing(config))
    }
}
