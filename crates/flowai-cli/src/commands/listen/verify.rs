//! How a call proves that it comes from Flow.ai.

use std::path::PathBuf;

use clap::Args;
use flowai::{Error, JwtOptions, Result, Verifier};
use zeroize::Zeroizing;

use crate::args::{Secret, from_environment, secret_file};

#[derive(Args)]
pub(crate) struct VerifyArgs {
    /// Secret that signs the token (JWT) of each call [without it: FLOWAI_WEBHOOK_SECRET]
    #[arg(long, allow_hyphen_values = true)]
    secret: Option<Secret>,
    /// File that holds the secret
    #[arg(long, value_name = "FILE", conflicts_with = "secret")]
    secret_file: Option<PathBuf>,
    /// Least length of the secret; the default is what the signature needs to be safe
    #[arg(long, value_name = "N", default_value_t = JwtOptions::default().min_secret_bytes)]
    min_secret_bytes: usize,
    /// Accept calls with this header
    #[arg(long, value_name = "NAME=SECRET")]
    header: Option<Secret>,
    /// Accept calls from anybody who can reach the address
    #[arg(long, conflicts_with_all = ["secret", "secret_file", "header"])]
    no_verify: bool,
}

impl VerifyArgs {
    pub(super) fn verifier(&self) -> Result<Option<Verifier>> {
        if self.no_verify {
            return Ok(None);
        }
        let mut accepted = Vec::new();
        if let Some(secret) = self.jwt_secret()? {
            let options = JwtOptions::default().min_secret_bytes(self.min_secret_bytes);
            accepted.push(Verifier::jwt_with([secret.as_bytes()], options)?);
        }
        if let Some(header) = &self.header {
            let (name, secret) = header
                .0
                .split_once('=')
                .ok_or_else(|| Error::argument("header", "must be NAME=SECRET"))?;
            accepted.push(Verifier::header(name, secret)?);
        }
        if accepted.is_empty() {
            return Err(Error::argument(
                "secret",
                "give --secret, --secret-file, FLOWAI_WEBHOOK_SECRET or --header, or say --no-verify to accept calls from anybody",
            ));
        }
        Verifier::any(accepted).map(Some)
    }

    /// What was typed wins: the secret of the environment counts only when nothing was.
    fn jwt_secret(&self) -> Result<Option<Zeroizing<String>>> {
        match (&self.secret, &self.secret_file) {
            (Some(secret), _) => Ok(Some(secret.0.clone())),
            (None, Some(path)) => Ok(Some(secret_file("secret_file", path)?)),
            (None, None) if self.header.is_some() => Ok(None),
            (None, None) => Ok(environment_secret()),
        }
    }
}

/// `FLOWAI_WEBHOOK_SECRET`.
pub(crate) fn environment_secret() -> Option<Zeroizing<String>> {
    from_environment("FLOWAI_WEBHOOK_SECRET")
}
