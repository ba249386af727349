//! A TCP proxy on loopback that loses answers, or cuts connections, when a test wants it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Passes bytes between a client and a server. Ends with the value.
pub struct Proxy {
    port: u16,
    task: JoinHandle<()>,
    switches: Arc<Switches>,
}

#[derive(Default)]
struct Switches {
    /// How many of the server's next pieces of answer are swallowed, each with its connection cut.
    cut_answers: AtomicUsize,
    /// Swallow the server's answers and keep the connection.
    swallow: AtomicBool,
    /// Milliseconds that every piece of answer takes longer.
    slow: AtomicU64,
    /// Cut before passing a piece of the client's that holds these bytes.
    cut_on: std::sync::Mutex<Option<(Vec<u8>, bool)>>,
    cuts: AtomicUsize,
}

impl Proxy {
    /// Listens on a free port and passes on to `port`.
    pub async fn start(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("the loopback address has a free port");
        let own_port = listener.local_addr().expect("a bound address").port();
        let switches = Arc::new(Switches::default());
        let task = tokio::spawn({
            let switches = Arc::clone(&switches);
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(pass(client, port, Arc::clone(&switches)));
                }
            }
        });
        Self { port: own_port, task, switches }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's next `n` answers are lost: their connections are cut instead.
    pub fn cut_next_answers(&self, n: usize) {
        self.switches.cut_answers.store(n, Ordering::SeqCst);
    }

    /// Answers vanish while this is on; connections stay.
    pub fn swallow_answers(&self, on: bool) {
        self.switches.swallow.store(on, Ordering::SeqCst);
    }

    /// Every answer takes this much longer, as over a slow network.
    pub fn slow_down(&self, by: Duration) {
        self.switches.slow.store(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Cuts the connection once when the client sends these bytes: before the server gets them, or after it has
    /// (the server carries them out, the client doesn't learn of it).
    pub fn cut_once_on(&self, bytes: &[u8], after: bool) {
        *self.switches.cut_on.lock().expect("no test panics while it sets a switch") = Some((bytes.to_vec(), after));
    }

    /// How often it cut.
    pub fn cuts(&self) -> usize {
        self.switches.cuts.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(client: TcpStream, port: u16, switches: Arc<Switches>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let cut = Arc::new(tokio::sync::Notify::new());
    let upstream = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(n) = from_client.read(&mut buffer).await {
            if n == 0 {
                break;
            }
            let hit = {
                let mut cut_on = switches.cut_on.lock().expect("no test panics while it sets a switch");
                let hit = cut_on.as_ref().filter(|(bytes, _)| holds(&buffer[..n], bytes)).map(|(_, after)| *after);
                if hit.is_some() {
                    *cut_on = None;
                }
                hit
            };
            if hit != Some(false) && to_server.write_all(&buffer[..n]).await.is_err() {
                break;
            }
            if let Some(after) = hit {
                if after {
                    // The server answers when it is done; the answer is what gets lost.
                    switches.cut_answers.store(1, Ordering::SeqCst);
                    continue;
                }
                switches.cuts.fetch_add(1, Ordering::SeqCst);
                break;
            }
        }
        cut.notify_one();
    };
    let downstream = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(n) = from_server.read(&mut buffer).await {
            if n == 0 {
                break;
            }
            let lose =
                switches.cut_answers.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            if lose.is_ok() {
                switches.cuts.fetch_add(1, Ordering::SeqCst);
                break;
            }
            if switches.swallow.load(Ordering::SeqCst) {
                continue;
            }
            tokio::time::sleep(Duration::from_millis(switches.slow.load(Ordering::SeqCst))).await;
            if to_client.write_all(&buffer[..n]).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = upstream => {}
        () = downstream => {}
        () = cut.notified() => {}
    }
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len().max(1)).any(|window| window == needle)
}
