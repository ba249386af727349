//! The door of the server: listening, refusing, dropping, and cutting connections that are open.
//!
//! One task accepts and hands connections to the HTTP server through a channel, so that listening can stop and start
//! again on the same port. Known race: while it refuses, another process may take the port; starting again fails then.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use http::uri::Scheme;
use poem::listener::Acceptor;
use poem::web::{LocalAddr, RemoteAddr};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::lock;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Dropping,
    Refusing,
}

type Lines = Arc<Mutex<HashMap<SocketAddr, Arc<Switch>>>>;

/// Controls who gets in.
pub(crate) struct Door {
    address: SocketAddr,
    state: watch::Sender<State>,
    listening: watch::Receiver<bool>,
    lines: Lines,
}

/// Cuts one connection.
#[derive(Default)]
struct Switch {
    cut: AtomicBool,
    waker: AtomicWaker,
}

impl Switch {
    fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        self.waker.wake();
    }
}

impl Door {
    /// Listens on the loopback address.
    pub(crate) async fn open(port: u16) -> io::Result<(Self, Connections, JoinHandle<()>)> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let (state, wanted) = watch::channel(State::Open);
        let (listens, listening) = watch::channel(true);
        let (sender, receiver) = mpsc::channel(64);
        let lines = Lines::default();
        let accepting = Accepting { address, wanted, listens, sender, lines: Arc::clone(&lines) };
        let task = tokio::spawn(accepting.run(listener));
        Ok((Self { address, state, listening, lines }, Connections { address, receiver }, task))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening, or starts again; returns when it is so.
    pub(crate) async fn refuse(&self, refuse: bool) {
        self.state.send_replace(if refuse { State::Refusing } else { State::Open });
        if refuse {
            self.cut_all();
        }
        let _ = self.listening.clone().wait_for(|listening| *listening != refuse).await;
    }

    pub(crate) fn drop_new(&self, drop: bool) {
        self.state.send_replace(if drop { State::Dropping } else { State::Open });
        if drop {
            self.cut_all();
        }
    }

    /// Resets one connection: nothing more is written to it.
    pub(crate) fn cut(&self, remote: Option<SocketAddr>) {
        let switch = remote.and_then(|remote| lock(&self.lines).get(&remote).cloned());
        if let Some(switch) = switch {
            switch.cut();
        }
    }

    pub(crate) fn cut_all(&self) {
        for switch in lock(&self.lines).values() {
            switch.cut();
        }
    }
}

struct Accepting {
    address: SocketAddr,
    wanted: watch::Receiver<State>,
    listens: watch::Sender<bool>,
    sender: mpsc::Sender<(Line, SocketAddr)>,
    lines: Lines,
}

impl Accepting {
    async fn run(mut self, mut listener: TcpListener) {
        loop {
            if *self.wanted.borrow_and_update() == State::Refusing {
                drop(listener);
                self.listens.send_replace(false);
                if self.wanted.wait_for(|state| *state != State::Refusing).await.is_err() {
                    return;
                }
                listener = self.listen_again().await;
                self.listens.send_replace(true);
            }
            tokio::select! {
                changed = self.wanted.changed() => if changed.is_err() { return },
                accepted = listener.accept() => {
                    if let Ok((stream, remote)) = accepted {
                        self.admit(stream, remote).await;
                    }
                }
            }
        }
    }

    async fn listen_again(&self) -> TcpListener {
        for _ in 0..100 {
            if let Ok(listener) = TcpListener::bind(self.address).await {
                return listener;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("port {} was taken while connections were refused", self.address.port());
    }

    async fn admit(&self, stream: TcpStream, remote: SocketAddr) {
        if *self.wanted.borrow() != State::Open {
            let _ = stream.set_zero_linger();
            return;
        }
        let _ = stream.set_nodelay(true);
        let switch = Arc::new(Switch::default());
        lock(&self.lines).insert(remote, Arc::clone(&switch));
        let line = Line { stream, switch, remote, lines: Arc::clone(&self.lines) };
        let _ = self.sender.send((line, remote)).await;
    }
}

/// The connections that got in.
pub(crate) struct Connections {
    address: SocketAddr,
    receiver: mpsc::Receiver<(Line, SocketAddr)>,
}

impl Acceptor for Connections {
    type Io = Line;

    fn local_addr(&self) -> Vec<LocalAddr> {
        vec![LocalAddr(self.address.into())]
    }

    async fn accept(&mut self) -> io::Result<(Line, LocalAddr, RemoteAddr, Scheme)> {
        let Some((line, remote)) = self.receiver.recv().await else {
            return std::future::pending().await;
        };
        Ok((line, LocalAddr(self.address.into()), RemoteAddr(remote.into()), Scheme::HTTP))
    }
}

/// A connection that can be cut.
pub(crate) struct Line {
    stream: TcpStream,
    switch: Arc<Switch>,
    remote: SocketAddr,
    lines: Lines,
}

impl Line {
    fn check(&self, context: &Context<'_>) -> io::Result<()> {
        self.switch.waker.register(context.waker());
        if self.switch.cut.load(Ordering::SeqCst) { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.switch.cut.load(Ordering::SeqCst) {
            let _ = self.stream.set_zero_linger();
        }
        lock(&self.lines).remove(&self.remote);
    }
}

impl AsyncRead for Line {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let line = self.get_mut();
        line.check(context)?;
        Pin::new(&mut line.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let line = self.get_mut();
        line.check(context)?;
        Pin::new(&mut line.stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let line = self.get_mut();
        line.check(context)?;
        Pin::new(&mut line.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let line = self.get_mut();
        line.check(context)?;
        Pin::new(&mut line.stream).poll_shutdown(context)
    }
}
