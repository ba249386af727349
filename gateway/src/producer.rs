//! Appends jobs to Redis, and nothing else.
//!
//! One multiplexed connection serves all requests; it is opened by the first that needs it and dropped at the first
//! doubt (a timeout, a closed socket), so that the second and last try goes over a fresh one. Trying again is harmless:
//! [`stream::APPEND`] appends an id once. A request gets [`BUDGET`] in all and is refused after it, so that Slack's
//! three seconds are never used up by a Redis that hangs. Connecting goes on when the request that wanted it gives up:
//! over a slow network it takes several round trips, and would otherwise never succeed.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::job::Envelope;
use common::redis_server::{RedisServer, Trust};
use common::stream::{self, Keys};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, Script, TlsCertificates};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// What a request may spend on Redis in all.
const BUDGET: Duration = Duration::from_millis(500);
/// What its first try may take.
const FIRST_TRY: Duration = Duration::from_millis(250);
/// What connecting may take, whoever waits for it.
const CONNECTING: Duration = Duration::from_secs(2);

/// A job to append.
pub struct NewJob {
    /// The job with its id.
    pub envelope: Envelope,
    /// It needs a trigger that dies soon.
    pub uses_trigger: bool,
    /// It is of no use while no worker lives.
    pub needs_worker: bool,
}

/// What became of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It is in its stream, by this request.
    Accepted,
    /// It is or was there, by an earlier request with the same id.
    Seen,
    /// No worker has been seen; it was not appended.
    NoWorker,
}

/// Redis didn't take the job, as far as we know.
#[derive(Debug, thiserror::Error)]
pub enum ProducerError {
    /// No answer in time.
    #[error("Redis did not answer within {} ms", BUDGET.as_millis())]
    TimedOut,
    /// Redis or the way to it failed. The text holds no job.
    #[error("{}", describe(.0))]
    Redis(#[from] RedisError),
}

/// The gateway's only way to Redis.
pub struct Producer {
    client: Client,
    keys: Keys,
    append: Script,
    connection: Mutex<Shared>,
}

#[derive(Default)]
struct Shared {
    generation: u64,
    connection: Option<MultiplexedConnection>,
    connecting: Option<JoinHandle<Result<MultiplexedConnection, RedisError>>>,
}

impl Producer {
    /// Prepares the client; the connection is made when it is needed.
    ///
    /// # Errors
    /// When the address can't be used.
    pub fn new(server: &RedisServer, keys: Keys) -> Result<Self, RedisError> {
        Ok(Self { client: client(server)?, keys, append: Script::new(stream::APPEND), connection: Mutex::default() })
    }

    /// Appends the job unless one with its id was appended before.
    ///
    /// # Errors
    /// When Redis is away, slow, or refuses to write. The job may have been appended all the same where the answer was
    /// lost; the same id can be appended again without harm.
    pub async fn append(&self, job: &NewJob) -> Result<Appended, ProducerError> {
        let body = job.envelope.encode();
        let started = Instant::now();
        match self.try_append(job, &body, FIRST_TRY).await {
            Err(ProducerError::Redis(error)) if is_refusal(&error) => return Err(error.into()),
            Err(error) => tracing::debug!(%error, "trying Redis again"),
            appended => return appended,
        }
        self.try_append(job, &body, BUDGET.saturating_sub(started.elapsed())).await
    }

    /// Redis' clock, in seconds since 1970: whether it answers, and how far ours is off.
    ///
    /// # Errors
    /// Why it doesn't answer.
    pub async fn time(&self) -> Result<i64, ProducerError> {
        let time: (i64, i64) =
            self.ask(BUDGET, async |mut connection| redis::cmd("TIME").query_async(&mut connection).await).await?;
        Ok(time.0)
    }

    async fn try_append(&self, job: &NewJob, body: &str, limit: Duration) -> Result<Appended, ProducerError> {
        let life = if job.uses_trigger { stream::TRIGGER_LIFE.as_millis() } else { 0 };
        let mut script = self.append.key(self.keys.stream(job.envelope.job.lane()));
        script
            .key(self.keys.seen(&job.envelope.id))
            .key(self.keys.heartbeat())
            .arg(&job.envelope.id)
            .arg(body)
            .arg(stream::SEEN_FOR.as_millis().to_string())
            .arg(life.to_string())
            .arg(u8::from(job.needs_worker));
        let answer: String = self.ask(limit, async |mut connection| script.invoke_async(&mut connection).await).await?;
        Ok(match answer.as_str() {
            stream::NO_WORKER => Appended::NoWorker,
            stream::SEEN => Appended::Seen,
            _ => Appended::Accepted,
        })
    }

    /// One question on the shared connection, which is dropped where the answer leaves a doubt about it.
    async fn ask<T>(
        &self,
        limit: Duration,
        question: impl AsyncFnOnce(MultiplexedConnection) -> Result<T, RedisError>,
    ) -> Result<T, ProducerError> {
        let started = Instant::now();
        let (generation, connection) =
            timeout(limit, self.connection()).await.map_err(|_| ProducerError::TimedOut)??;
        let asked = Instant::now();
        let (answer, doubtful) = match timeout(limit.saturating_sub(started.elapsed()), question(connection)).await {
            Ok(Ok(answer)) => (Ok(answer), false),
            Ok(Err(error)) => {
                let doubtful = !is_refusal(&error);
                (Err(error.into()), doubtful)
            }
            // A fresh connection that was given only the rest of a request's time may still be a good one.
            Err(_) => (Err(ProducerError::TimedOut), asked.elapsed() >= FIRST_TRY),
        };
        if doubtful {
            self.forget(generation).await;
        }
        answer
    }

    async fn connection(&self) -> Result<(u64, MultiplexedConnection), RedisError> {
        let mut shared = self.connection.lock().await;
        if let Some(connection) = &shared.connection {
            return Ok((shared.generation, connection.clone()));
        }
        let client = self.client.clone();
        let connecting = shared.connecting.get_or_insert_with(|| tokio::spawn(connect(client)));
        let connected = connecting.await;
        shared.connecting = None;
        let connection = connected.map_err(io::Error::other)??;
        shared.generation += 1;
        shared.connection = Some(connection.clone());
        Ok((shared.generation, connection))
    }

    /// Drops the connection, unless another has taken its place meanwhile.
    async fn forget(&self, generation: u64) {
        let mut shared = self.connection.lock().await;
        if shared.generation == generation {
            shared.connection = None;
        }
    }
}

/// A client that trusts whom it was told to trust; nothing is connected yet.
///
/// # Errors
/// When the address or the certificates can't be used.
pub(crate) fn client(server: &RedisServer) -> Result<Client, RedisError> {
    let url = server.url.expose();
    match &server.trust {
        Trust::System => Client::open(url),
        Trust::Ca(pem) => {
            Client::build_with_tls(url, TlsCertificates { client_tls: None, root_cert: Some(pem.clone()) })
        }
        // The client's own way to say so.
        Trust::Nobody => Client::open(format!("{url}#insecure")),
    }
}

async fn connect(client: Client) -> Result<MultiplexedConnection, RedisError> {
    let config =
        AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECTING)).set_response_timeout(Some(BUDGET));
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    // So that a request needs one round trip. Should it fail, the request itself loads the script, or fails for that reason.
    let _ = Script::new(stream::APPEND).prepare_invoke().load_async(&mut connection).await;
    Ok(connection)
}

/// Redis answered, and a fresh connection would get the same answer. READONLY means that this server is no primary any
/// more, so a fresh connection may reach the new one.
fn is_refusal(error: &RedisError) -> bool {
    error.code().is_some_and(|code| code != "READONLY")
}

/// The kind of error without the text that a server may have put into it.
fn describe(error: &RedisError) -> String {
    if let Some(why) = certificate_refusal(error) {
        return format!("Redis shows a certificate that is not trusted ({why}): see REDIS_CA");
    }
    match error.code() {
        Some("NOAUTH" | "WRONGPASS") => "Redis refuses the password in REDIS_URL".to_owned(),
        Some(code) => format!("Redis refused: {code}"),
        None => format!("Redis is away: {:?}", error.kind()),
    }
}

/// What is wrong with the server's certificate, where that is what failed. The client keeps what caused its error in an
/// `Arc`, and the system's way to report it keeps the TLS library's.
fn certificate_refusal(error: &RedisError) -> Option<String> {
    let cause = error.source()?.downcast_ref::<Arc<dyn Error + Send + Sync>>()?;
    match cause.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref()? {
        rustls::Error::InvalidCertificate(why) => Some(why.to_string()),
        _ => None,
    }
}
