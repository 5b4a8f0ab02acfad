//! What can go wrong when a sandbox is started or told something.

use std::fmt;

/// Why the sandbox could not be started, or refused what it was told.
///
/// Messages name the argument or address concerned and never a key or a secret.
#[derive(Debug)]
#[non_exhaustive]
pub enum SandboxError {
    /// An argument is not acceptable; nothing was changed.
    InvalidArgument {
        /// The name of the argument.
        argument: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The address could not be listened on, or the operating system refused something else.
    Io(std::io::Error),
    /// The webhook did not answer the check that registering it makes: a GET that needs a 2xx.
    Webhook {
        /// What happened instead of a 2xx.
        reason: String,
    },
    /// The certificates for calling webhooks over https could not be loaded.
    Tls(String),
    /// The sandbox has been stopped.
    Stopped,
}

impl SandboxError {
    pub(crate) fn invalid(argument: &'static str, reason: impl Into<String>) -> Self {
        Self::InvalidArgument {
            argument,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for SandboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidArgument { argument, reason } => write!(f, "{argument}: {reason}"),
            Self::Io(error) => write!(f, "the sandbox could not start: {error}"),
            Self::Webhook { reason } => write!(f, "the webhook was not registered: {reason}"),
            Self::Tls(reason) => write!(f, "no certificates to call webhooks with: {reason}"),
            Self::Stopped => f.write_str("the sandbox has been stopped"),
        }
    }
}

impl std::error::Error for SandboxError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<std::io::Error> for SandboxError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}
