//! The real programs as processes that a test may kill, stop and continue.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::desk::Settings;
use crate::servers;
use crate::slack::SlackStandIn;

/// A running program. Killed with the value.
pub struct Program {
    child: Child,
    log: PathBuf,
    /// Where it listens, if it does.
    pub port: u16,
}

/// Where cargo puts the programs: beside the folder of the test's own program.
fn path_of(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test knows its program");
    let folder = test.parent().and_then(std::path::Path::parent).expect("target/debug/deps/…");
    let path = folder.join(name);
    assert!(path.is_file(), "{} is missing: run the tests by `bin/test`, which builds it", path.display());
    path
}

impl Program {
    fn start(name: &str, port: u16, variables: &[(String, String)], arguments: &[&str]) -> Self {
        let mut command = Command::new(path_of(name));
        command.args(arguments);
        Self::start_by(command, Some("debug"), name, port, variables)
    }

    fn start_by(
        mut command: Command,
        filter: Option<&str>,
        name: &str,
        port: u16,
        variables: &[(String, String)],
    ) -> Self {
        let log = std::env::temp_dir().join(format!("ticket-{name}-{}.log", servers::unique()));
        let out = std::fs::File::create(&log).expect("the temporary folder is writable");
        let err = out.try_clone().expect("a file can be shared");
        if command.get_current_dir().is_none() {
            command.current_dir(std::env::temp_dir());
        }
        command.env_clear().envs(filter.map(|filter| ("RUST_LOG", filter))).envs(variables.iter().cloned());
        command.env("LOG_FORMAT", "json");
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        Self { child: command.spawn().expect("the program can be started"), log, port }
    }

    /// Starts a gateway and waits until it answers.
    pub async fn gateway(slack: &SlackStandIn, settings: &Settings) -> Self {
        Self::gateway_by(Command::new(path_of("gateway")), slack, settings).await
    }

    /// The same, started with so few open files allowed, unless it asks for more.
    pub async fn gateway_with_few_files(slack: &SlackStandIn, settings: &Settings, files: usize) -> Self {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("ulimit -S -n {files} && exec \"$0\"")).arg(path_of("gateway"));
        Self::gateway_by(shell, slack, settings).await
    }

    async fn gateway_by(command: Command, slack: &SlackStandIn, settings: &Settings) -> Self {
        let port = servers::free_port();
        let mut variables = settings.variables(slack);
        variables.push(("PORT".to_owned(), port.to_string()));
        let mut program = Self::start_by(command, Some("debug"), "gateway", port, &variables);
        let started = Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            program.must_run();
            assert!(started.elapsed() < Duration::from_secs(10), "the gateway did not come up:\n{}", program.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        program
    }

    /// Starts a worker whose start is the point.
    pub fn starting_worker(variables: &[(String, String)]) -> Self {
        Self::start("worker", 0, variables, &["run"])
    }

    /// Starts a worker in a folder whose `.env` says what is logged.
    pub fn starting_worker_in(folder: &std::path::Path, variables: &[(String, String)]) -> Self {
        let mut command = Command::new(path_of("worker"));
        command.arg("run").current_dir(folder);
        Self::start_by(command, None, "worker", 0, variables)
    }

    /// Waits until its log has these words.
    pub async fn until_log(&mut self, words: &str) {
        let started = Instant::now();
        while !self.log().contains(words) {
            self.must_run();
            assert!(started.elapsed() < Duration::from_secs(30), "no {words:?} in its log:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Starts a worker and waits until it has joined the consumer group.
    pub async fn worker(slack: &SlackStandIn, settings: &Settings) -> Self {
        let mut program = Self::starting_worker(&settings.variables(slack));
        program.until_log("Slack knows the token").await;
        program
    }

    /// Runs a worker command to its end; answers whether it succeeded, and what it printed.
    pub fn worker_command(variables: &[(String, String)], arguments: &[&str]) -> (bool, String) {
        let mut program = Self::start("worker", 0, variables, arguments);
        let status = program.child.wait().expect("the program ends");
        (status.success(), program.log())
    }

    /// Runs a gateway to its end; answers whether it succeeded, and what it printed.
    pub fn gateway_command(variables: &[(String, String)]) -> (bool, String) {
        let mut program = Self::start("gateway", 0, variables, &[]);
        let status = program.child.wait().expect("the program ends");
        (status.success(), program.log())
    }

    /// The same in a folder, such as one with a file `.env`.
    pub fn gateway_command_in(folder: &std::path::Path, variables: &[(String, String)]) -> (bool, String) {
        let mut command = Command::new(path_of("gateway"));
        command.current_dir(folder);
        let mut program = Self::start_by(command, Some("debug"), "gateway", 0, variables);
        let status = program.child.wait().expect("the program ends");
        (status.success(), program.log())
    }

    fn must_run(&mut self) {
        if let Ok(Some(status)) = self.child.try_wait() {
            panic!("the program ended with {status}:\n{}", self.log());
        }
    }

    /// The gateway's address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL: no chance to do anything.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends a signal by name (`TERM`, `STOP`, `CONT`).
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(status.is_ok_and(|status| status.success()), "kill -{name}");
    }

    /// Asks it to stop and waits; answers the exit code.
    pub async fn stop(&mut self, within: Duration) -> Option<i32> {
        self.signal("TERM");
        let started = Instant::now();
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return status.code();
            }
            assert!(started.elapsed() < within, "it does not stop:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        let mut text = String::new();
        let mut file = std::fs::File::open(&self.log).expect("the log was created");
        let _ = file.read_to_string(&mut text);
        text
    }

    /// Resident memory in MiB.
    pub fn resident_mib(&self) -> f64 {
        self.memory_mib("VmRSS:")
    }

    /// The most resident memory so far, in MiB.
    pub fn peak_mib(&self) -> f64 {
        self.memory_mib("VmHWM:")
    }

    fn memory_mib(&self, name: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        let kib: f64 = line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or_default();
        kib / 1024.0
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_file(&self.log);
    }
}
