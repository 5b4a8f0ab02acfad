//! How a sandbox is set up.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::bot::Bot;
use crate::error::SandboxError;
use crate::sandbox::Sandbox;
use crate::seed::Seed;

/// The largest upload of "Media message" of the API document, 250 MB.
const MAX_UPLOAD: u64 = 250 * 1024 * 1024;
/// The longest text of "Text message" of the API document.
const MAX_TEXT: usize = 255;

/// How long a client may be silent.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Sets up a [`Sandbox`]; begin with [`Sandbox::builder`].
#[derive(Clone)]
#[must_use = "a sandbox runs only once it is started"]
pub struct SandboxBuilder {
    pub(crate) listen: String,
    pub(crate) api_key: Option<String>,
    pub(crate) webhook_url: Option<String>,
    pub(crate) webhook_secret: Option<String>,
    pub(crate) webhook_ca_file: Option<PathBuf>,
    pub(crate) check_webhook: bool,
    pub(crate) bot: Bot,
    pub(crate) speed: f64,
    pub(crate) max_upload: u64,
    pub(crate) max_text: usize,
    pub(crate) idle_timeout: Duration,
    pub(crate) fix_is_paued: bool,
    pub(crate) business_hours: Option<Value>,
    pub(crate) seed: Seed,
    pub(crate) sync_replies: bool,
}

impl Default for SandboxBuilder {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:0".to_owned(),
            api_key: None,
            webhook_url: None,
            webhook_secret: None,
            webhook_ca_file: None,
            check_webhook: true,
            bot: Bot::default(),
            speed: 1.0,
            max_upload: MAX_UPLOAD,
            max_text: MAX_TEXT,
            idle_timeout: IDLE_TIMEOUT,
            fix_is_paued: false,
            business_hours: None,
            seed: Seed::default(),
            sync_replies: true,
        }
    }
}

impl SandboxBuilder {
    /// The address and port to listen on; port 0 takes a free one. `127.0.0.1:0` unless told.
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.listen = address.into();
        self
    }

    /// The API key that opens the API: visible ASCII without spaces. A random one unless told.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// Where events go, `http://` or `https://`. Registered when the sandbox starts, see
    /// [`Sandbox::set_webhook`].
    pub fn webhook_url(mut self, url: impl Into<String>) -> Self {
        self.webhook_url = Some(url.into());
        self
    }

    /// What signs the token of each webhook call: at least 32 bytes, the least that verifiers accept for its signature.
    /// 32 random bytes in base64 unless told.
    pub fn webhook_secret(mut self, secret: impl Into<String>) -> Self {
        self.webhook_secret = Some(secret.into());
        self
    }

    /// The certificates (PEM) to trust when a webhook is called over https, and no others. The platform's
    /// unless told.
    pub fn webhook_ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.webhook_ca_file = Some(path.into());
        self
    }

    /// Whether the webhook given to the builder is asked with a GET before the sandbox starts, as
    /// [`Sandbox::set_webhook`] always does. True unless told; false is for a webhook that starts later.
    pub fn check_webhook(mut self, check: bool) -> Self {
        self.check_webhook = check;
        self
    }

    /// Who answers. [`Bot::Echo`] unless told.
    pub fn bot(mut self, bot: Bot) -> Self {
        self.bot = bot;
        self
    }

    /// How fast the clock of the sandbox runs: every wait between two attempts to deliver, every delay of a rule and
    /// every pause of a handover is divided by this.
    /// Finite and above zero; 1 unless told. At 100,000 the four hours pass in 0.15 seconds.
    pub fn speed(mut self, speed: f64) -> Self {
        self.speed = speed;
        self
    }

    /// The largest file of an upload in bytes; a larger one is answered with 413. 250 MB
    /// (262,144,000 bytes) unless told, from "Media message" of the API document.
    pub fn max_upload(mut self, bytes: u64) -> Self {
        self.max_upload = bytes;
        self
    }

    /// The longest text message in code points; a longer one is answered with 400. 255 unless told, from
    /// "Text message" of the API document.
    pub fn max_text_length(mut self, code_points: usize) -> Self {
        self.max_text = code_points;
        self
    }

    /// How long a client may be silent: a connection between two requests and the head of a request may take
    /// this long altogether before the connection is closed, and a body may stop arriving for as long before it
    /// is answered with 408. Above zero and at most a day; 30 seconds unless told.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// With true the synchronous bot status says `isPaused`. Unless told it says `isPaued`, as "Bot status"
    /// of the API document does.
    pub fn fix_is_paued(mut self, fix: bool) -> Self {
        self.fix_is_paued = fix;
        self
    }

    /// The list under `businessHours`, in the shape of "Business hours" of the API document. Those of the seed
    /// unless told; two teams if there are none either.
    pub fn business_hours(mut self, hours: Value) -> Self {
        self.business_hours = Some(hours);
        self
    }

    /// What the sandbox knows when it starts, and what its bot answers by. Nothing unless told.
    pub fn seed(mut self, seed: Seed) -> Self {
        self.seed = seed;
        self
    }

    /// Whether a message sent with `sync=true` is answered with the bot's reply. With false it is acknowledged and
    /// the reply goes to the webhook, which is what the API document of 2019 describes. True unless told.
    pub fn sync_replies(mut self, reply: bool) -> Self {
        self.sync_replies = reply;
        self
    }

    /// Starts the sandbox. When this returns it listens.
    ///
    /// # Errors
    ///
    /// [`SandboxError::InvalidArgument`] for what cannot be meant, [`SandboxError::Io`] if the address cannot
    /// be listened on, [`SandboxError::Tls`] if the certificates cannot be read, and
    /// [`SandboxError::Webhook`] if the webhook does not answer its check with a 2xx.
    pub fn start(self) -> Result<Sandbox, SandboxError> {
        Sandbox::start(self)
    }
}

impl fmt::Debug for SandboxBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxBuilder")
            .field("listen", &self.listen)
            .field("bot", &self.bot)
            .finish_non_exhaustive()
    }
}
