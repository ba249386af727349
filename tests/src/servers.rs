//! Private PostgreSQL databases and Redis servers for tests. `bin/test` starts the servers and says where they are.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::{Connection, Executor, PgConnection};
use tokio::sync::OnceCell;

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests by `bin/test`"))
}

/// A database of its own with the current schema, for one test.
pub async fn database() -> String {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    let server = variable("TEST_DATABASE_URL");
    let template = TEMPLATE
        .get_or_init(|| async {
            let name = format!("template_{}", unique());
            create(&variable("TEST_DATABASE_URL"), &name, "template0").await;
            let url = with_database(&variable("TEST_DATABASE_URL"), &name);
            worker::db::migrate(&common::secret::Secret::new(url)).await.expect("the schema can be migrated");
            name
        })
        .await;
    let name = format!("test_{}", unique());
    create(&server, &name, template).await;
    with_database(&server, &name)
}

/// A database that nobody has migrated.
pub async fn empty_database() -> String {
    let server = variable("TEST_DATABASE_URL");
    let name = format!("empty_{}", unique());
    create(&server, &name, "template0").await;
    with_database(&server, &name)
}

async fn create(server: &str, name: &str, template: &str) {
    let mut connection = PgConnection::connect(server).await.expect("PostgreSQL answers at TEST_DATABASE_URL");
    // Names of our own making; statements like these take no parameters.
    let statement = format!("CREATE DATABASE {name} TEMPLATE {template}");
    connection.execute(sqlx::AssertSqlSafe(statement)).await.expect("the role may create databases");
}

fn with_database(server: &str, name: &str) -> String {
    let (address, query) = server.split_once('?').map_or((server, None), |(address, query)| (address, Some(query)));
    let (host, _) = address.rsplit_once('/').expect("TEST_DATABASE_URL names a database");
    match query {
        Some(query) => format!("{host}/{name}?{query}"),
        None => format!("{host}/{name}"),
    }
}

/// Short, and different for every call.
pub fn unique() -> String {
    uuid::Uuid::new_v4().simple().to_string()[..16].to_owned()
}

/// The Redis that all tests share; each has a key prefix of its own.
pub fn shared_redis() -> String {
    variable("TEST_REDIS_URL")
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("the loopback address has a free port");
    listener.local_addr().expect("a bound address").port()
}

/// A file of the certificates that `bin/test` has made: `ca.pem` signed `server.pem` (with `server.key`) for 127.0.0.1 alone,
/// `other-ca.pem` signed nothing. The shared PostgreSQL shows `server.pem` to those who ask for encryption.
pub fn certificate(name: &str) -> PathBuf {
    PathBuf::from(variable("TEST_CERTIFICATES")).join(name)
}

/// A database's address with another host and other parameters.
pub fn encrypted(database_url: &str, host: &str, parameters: &str) -> String {
    let address = database_url.split('?').next().unwrap_or_default();
    format!("{}?{parameters}", address.replace("127.0.0.1", host))
}

/// A Redis of its own that a test may kill, restart, fill and flush. Ends with the value.
pub struct PrivateRedis {
    port: u16,
    folder: PathBuf,
    process: Option<Child>,
    encrypted: bool,
    password: Option<String>,
}

impl PrivateRedis {
    /// Starts it with everything written to disk at once, as the documentation demands.
    pub async fn start() -> Self {
        Self::start_as(false, None).await
    }

    /// Starts one that speaks nothing but TLS and shows `server.pem`.
    pub async fn start_encrypted() -> Self {
        Self::start_as(true, None).await
    }

    /// Starts one that asks for a password.
    pub async fn start_with_password(password: &str) -> Self {
        Self::start_as(false, Some(password.to_owned())).await
    }

    async fn start_as(encrypted: bool, password: Option<String>) -> Self {
        let folder = std::env::temp_dir().join(format!("ticket-redis-{}", unique()));
        std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
        let mut redis = Self { port: free_port(), folder, process: None, encrypted, password };
        redis.up().await;
        redis
    }

    /// Its address, with the password where it has one.
    pub fn url(&self) -> String {
        let scheme = if self.encrypted { "rediss" } else { "redis" };
        let password = self.password.as_ref().map(|password| format!(":{password}@")).unwrap_or_default();
        format!("{scheme}://{password}127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts it again on what it had written.
    pub async fn up(&mut self) {
        let port = self.port.to_string();
        let mut command = Command::new(variable("REDIS_SERVER"));
        if self.encrypted {
            command.args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"]);
            for (setting, file) in [("cert", "server.pem"), ("key", "server.key"), ("ca-cert", "ca.pem")] {
                command.arg(format!("--tls-{setting}-file")).arg(certificate(file));
            }
        } else {
            command.args(["--port", &port]);
        }
        if let Some(password) = &self.password {
            command.args(["--requirepass", password]);
        }
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"]);
        command.args(["--appendfsync", "always", "--maxmemory-policy", "noeviction", "--dir"]).arg(&self.folder);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.process = Some(process.expect("REDIS_SERVER can be started"));
        let started = Instant::now();
        while self.command("PING").await.is_err() {
            assert!(started.elapsed() < Duration::from_secs(10), "Redis did not come up");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Kills it as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Sends a command of words.
    ///
    /// # Errors
    /// What Redis or the way to it says.
    pub async fn command(&self, line: &str) -> redis::RedisResult<redis::Value> {
        // Encrypted, it is only for those who look at its certificate to judge it.
        let url = if self.encrypted { format!("{}#insecure", self.url()) } else { self.url() };
        redis_command(&url, line).await
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Sends a command of words to a Redis.
///
/// # Errors
/// What Redis or the way to it says.
pub async fn redis_command(url: &str, line: &str) -> redis::RedisResult<redis::Value> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut connection = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
    let mut words = line.split_whitespace();
    let mut command = redis::cmd(words.next().unwrap_or_default());
    for word in words {
        command.arg(word);
    }
    command.query_async(&mut connection).await
}
