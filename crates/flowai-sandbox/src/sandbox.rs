//! The handle of a running sandbox.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::watch;

use crate::auth::ApiKey;
use crate::builder::SandboxBuilder;
use crate::business_hours;
use crate::clock::Pace;
use crate::deliveries::Delivery;
use crate::endpoints::BASE_PATH;
use crate::error::SandboxError;
use crate::failures::{Failure, Failures};
use crate::http_out::{CALL_TIME, HttpOut, Target};
use crate::ids::{self, Ids};
use crate::journal::{RecordedRequest, Ring};
use crate::made;
use crate::part::Part;
use crate::seed::Rule;
use crate::server;
use crate::shared::{Options, Shared, lock};
use crate::threads::{ThreadState, Threads};
use crate::webhooks::{Identity, Webhook, Webhooks};

/// How long stopping waits for name lookups, the only thing the runtime cannot interrupt.
const RUNTIME_STOP_TIME: Duration = Duration::from_millis(200);

/// Bytes that a secret must have to be safe with HS256 (RFC 7518, 3.2).
const LEAST_SECRET: usize = 32;

/// The longest silence that can be allowed.
const LONGEST_IDLE: Duration = Duration::from_secs(24 * 3600);

/// Flow.ai on this machine, running in a thread of its own until it is dropped.
///
/// Every method may be called from any thread, inside an async runtime too; those that wait say so.
pub struct Sandbox {
    shared: Arc<Shared>,
    base_url: String,
    secret: Mutex<String>,
    stop: watch::Sender<bool>,
    thread: Mutex<Option<JoinHandle<()>>>,
    process: u32,
}

impl Sandbox {
    /// Begins to set up a sandbox. Everything has a default.
    pub fn builder() -> SandboxBuilder {
        SandboxBuilder::default()
    }

    pub(crate) fn start(builder: SandboxBuilder) -> Result<Self, SandboxError> {
        if !(builder.speed.is_finite() && builder.speed > 0.0) {
            return Err(SandboxError::invalid("speed", "must be finite and above zero"));
        }
        if builder.idle_timeout.is_zero() || builder.idle_timeout > LONGEST_IDLE {
            return Err(SandboxError::invalid(
                "idle_timeout",
                "must be above zero and at most a day",
            ));
        }
        let key = ApiKey::new(builder.api_key.map_or_else(ids::random_token, Ok)?)?;
        let secret = match builder.webhook_secret {
            Some(secret) => checked_secret(secret)?,
            None => ids::random_token()?,
        };
        let out = HttpOut::new(builder.webhook_ca_file.clone());
        if builder.webhook_ca_file.is_some() {
            out.tls().map_err(SandboxError::Tls)?;
        }
        let target = builder.webhook_url.as_deref().map(checked_target).transpose()?;

        let listener = bind(&builder.listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let identity = {
            let ids = Ids::new()?;
            Identity {
                agent_id: ids.uuid(),
                channel_id: ids.uuid(),
                flow_id: ids.uuid(),
            }
        };
        let (ids, pace) = (Ids::new()?, Pace { speed: builder.speed });
        let mut seed = builder.seed;
        let rules = std::mem::take(&mut seed.rules);
        let hours = builder.business_hours.or_else(|| seed.business_hours.clone());
        let shared = Arc::new(Shared {
            key,
            options: Options {
                bot: builder.bot,
                business_hours: hours.unwrap_or_else(business_hours::default_hours),
                max_upload: builder.max_upload,
                max_text: builder.max_text,
                idle_timeout: builder.idle_timeout,
                is_paused_name: if builder.fix_is_paued {
                    "isPaused"
                } else {
                    "isPaued"
                },
                sync_replies: builder.sync_replies,
                pace,
            },
            threads: Mutex::new(Threads::seeded(&seed.threads, &ids)),
            seed,
            rules: Mutex::new(rules),
            failures: Failures::default(),
            journal: Mutex::new(Ring::new()),
            webhooks: Arc::new(Webhooks::new(runtime.handle().clone(), out, identity, pace)),
            ids,
        });
        let listener = {
            let _guard = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        // Before the first message can arrive.
        if let Some(target) = target.clone() {
            let secret = secret.clone();
            shared.webhooks.register(Webhook { target, secret });
        }
        let (stop, stopped) = watch::channel(false);
        let serving = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("flowai-sandbox".to_owned())
            .spawn(move || drive(runtime, server::run(listener, serving, stopped)))?;
        let sandbox = Self {
            shared,
            base_url: format!("http://{}{BASE_PATH}", reachable(address)),
            secret: Mutex::new(secret),
            stop,
            thread: Mutex::new(Some(thread)),
            process: std::process::id(),
        };
        if let Some(target) = target
            && builder.check_webhook
        {
            sandbox.check_webhook(target)?;
        }
        Ok(sandbox)
    }

    /// The address of the API: `http://127.0.0.1:PORT/rest/v1/`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The API key that opens the API.
    pub fn api_key(&self) -> &str {
        self.shared.key.as_str()
    }

    /// What signs the token of each webhook call.
    pub fn webhook_secret(&self) -> String {
        lock(&self.secret).clone()
    }

    /// Registers the webhook that events go to from now on, and with `secret` what signs them. Events that
    /// happened before still go where they were going. Waits for the check, at most about ten seconds.
    ///
    /// # Errors
    ///
    /// [`SandboxError::InvalidArgument`] if the URL cannot be called or the secret is empty;
    /// [`SandboxError::Webhook`] if the URL does not answer a GET with a 2xx. Nothing changes then.
    pub fn set_webhook(&self, url: &str, secret: Option<&str>) -> Result<(), SandboxError> {
        let target = checked_target(url)?;
        let secret = secret.map(str::to_owned).map(checked_secret).transpose()?;
        self.check_webhook(target.clone())?;
        if let Some(secret) = secret {
            *lock(&self.secret) = secret;
        }
        self.register(target);
        Ok(())
    }

    /// Delivers any event to the webhook, in order with the others of its `threadId`.
    pub fn push(&self, event: Value) {
        self.shared.webhooks.send(event);
    }

    /// Puts rules before those that there are: a list, each as in a [`Seed`](crate::Seed). The first that fits answers.
    ///
    /// ```
    /// # use flowai_sandbox::Sandbox;
    /// let sandbox = Sandbox::builder().start()?;
    /// let reply = serde_json::json!({"type": "text", "payload": {"text": "Hello! How can I help?"}});
    /// sandbox.add_rules(&serde_json::json!([{"text": "hello", "replies": [reply], "times": 1}]))?;
    /// # Ok::<(), flowai_sandbox::SandboxError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SandboxError::InvalidArgument`] names the place of what is wrong, and nothing changes then.
    pub fn add_rules(&self, rules: &Value) -> Result<(), SandboxError> {
        let read = Part::root(rules, "rules")
            .list()
            .and_then(|parts| Rule::read_all(&parts));
        let new = read.map_err(|problem| SandboxError::invalid("rules", problem.to_string()))?;
        lock(&self.shared.rules).splice(0..0, new);
        Ok(())
    }

    /// Makes a webhook event without sending it, for a program that is tested without a network.
    ///
    /// `members` are those of the event, in the form of the API; they win over what is filled in:
    ///
    /// - into `message.reply` and `outbound` all that an answer of the bot has. `replies`, and perhaps `quickReplies`
    ///   and `fallback`, say what it is, as in a rule;
    /// - into `message.delivered` and `inbound` an `originator`, and what `replies` of one text say as `speech`;
    /// - a thread id, `thread-1` unless told, where events of that name have one.
    ///
    /// # Errors
    ///
    /// [`SandboxError::InvalidArgument`] for an empty name, and for replies that the event cannot have or that are not
    /// complete.
    pub fn event(
        &self,
        name: &str,
        thread_id: Option<&str>,
        members: Map<String, Value>,
    ) -> Result<Value, SandboxError> {
        made::event(&self.shared, name, thread_id, members)
    }

    /// The headers of a webhook call that is made now: they sign any body.
    pub fn sign(&self) -> Vec<(String, String)> {
        let token = self.shared.webhooks.token(&self.webhook_secret());
        vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("authorization".to_owned(), format!("Bearer {token}")),
        ]
    }

    /// What a thread is in. One that nobody has used is open.
    pub fn thread_state(&self, thread_id: &str) -> ThreadState {
        lock(&self.shared.threads).state(thread_id)
    }

    /// Makes the next API requests fail; several calls queue up.
    ///
    /// # Errors
    ///
    /// [`SandboxError::InvalidArgument`] if the failure cannot happen, a status of 99 for example.
    pub fn fail_next(&self, failure: Failure) -> Result<(), SandboxError> {
        self.shared.failures.push(failure)
    }

    /// What was asked, oldest first: the last 10,000 requests, fewer if they hold more than 64 MiB. A request
    /// is in it before its answer leaves.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        lock(&self.shared.journal).to_vec()
    }

    /// Those of [`requests`](Self::requests) with this number or a later one, each with its number. The first
    /// request of a sandbox has the number 0; to follow the journal, ask for the last number plus one.
    pub fn requests_since(&self, number: u64) -> Vec<(u64, RecordedRequest)> {
        lock(&self.shared.journal).since(number)
    }

    /// What happened, oldest first: the last 10,000 events, fewer if they hold more than 64 MiB. An event
    /// that a request caused is in it before the request's answer leaves.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.shared.webhooks.log.to_vec()
    }

    /// Those of [`deliveries`](Self::deliveries) with this number or a later one, each with its number. The first
    /// event of a sandbox has the number 0.
    pub fn deliveries_since(&self, number: u64) -> Vec<(u64, Delivery)> {
        self.shared.webhooks.log.since(number)
    }

    /// Waits until no delivery is pending. False if some still are after `timeout`, or if the sandbox was
    /// stopped while some were.
    pub fn wait_delivered(&self, timeout: Duration) -> bool {
        self.shared.webhooks.log.wait(timeout)
    }

    /// Stops listening, gives requests under way a moment, and ends; within about a second. Deliveries that
    /// are pending stay so. The journals stay readable. Dropping does the same. In a forked child, where the
    /// sandbox does not run, neither does anything.
    pub fn stop(&self) {
        if std::process::id() != self.process {
            // Not even a lock: whoever held it is not here to let it go.
            return;
        }
        self.shared.webhooks.log.stop();
        self.stop.send_replace(true);
        if let Some(thread) = lock(&self.thread).take()
            && thread.join().is_err()
        {
            log::error!("the sandbox ended with a panic");
        }
    }

    fn register(&self, target: Target) {
        self.shared.webhooks.register(Webhook {
            target,
            secret: self.webhook_secret(),
        });
    }

    /// The GET that a webhook must answer with a 2xx before it is used.
    fn check_webhook(&self, target: Target) -> Result<(), SandboxError> {
        if target.is_tls() {
            self.shared.webhooks.out.tls().map_err(SandboxError::Tls)?;
        }
        let (report, outcome) = mpsc::channel();
        let webhooks = Arc::clone(&self.shared.webhooks);
        self.runtime().spawn(async move {
            // Nobody listens any more once the wait below is over.
            let _ = report.send(webhooks.out.get(&target).await);
        });
        match outcome.recv_timeout(CALL_TIME + Duration::from_secs(2)) {
            Ok(Ok(200..=299)) => Ok(()),
            Ok(Ok(status)) => Err(SandboxError::Webhook {
                reason: format!("it answered a GET with {status}, not with a 2xx"),
            }),
            Ok(Err(reason)) => Err(SandboxError::Webhook { reason }),
            Err(RecvTimeoutError::Disconnected) => Err(SandboxError::Stopped),
            Err(RecvTimeoutError::Timeout) => Err(SandboxError::Webhook {
                reason: "no answer".to_owned(),
            }),
        }
    }

    fn runtime(&self) -> &Handle {
        &self.shared.webhooks.runtime
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

/// The thread of a sandbox. Signals are for the program's own threads.
fn drive(runtime: Runtime, serving: impl Future<Output = ()>) {
    if let Err(error) = nix::sys::signal::SigSet::all().thread_block() {
        log::debug!("could not block signals: {error}");
    }
    runtime.block_on(serving);
    runtime.shutdown_timeout(RUNTIME_STOP_TIME);
}

fn checked_target(url: &str) -> Result<Target, SandboxError> {
    Target::parse(url).map_err(|reason| SandboxError::invalid("webhook_url", reason))
}

fn checked_secret(secret: String) -> Result<String, SandboxError> {
    if secret.len() < LEAST_SECRET {
        let reason = format!("must have at least {LEAST_SECRET} bytes, or no verifier accepts what it signs");
        return Err(SandboxError::invalid("webhook_secret", reason));
    }
    Ok(secret)
}

fn bind(address: &str) -> Result<TcpListener, SandboxError> {
    TcpListener::bind(address).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput => {
            SandboxError::invalid("listen", format!("{address:?} is not HOST:PORT"))
        }
        kind => io::Error::new(kind, format!("{address} cannot be listened on: {error}")).into(),
    })
}

/// An address that a client can connect to: listening on all of them is not one.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        match address {
            SocketAddr::V4(_) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            SocketAddr::V6(_) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        }
    }
    address
}
