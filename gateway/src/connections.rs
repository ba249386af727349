//! What a client can do to us before it has sent a request: open many connections, or send one byte a minute.
//!
//! poem has no deadline for headers and no cap on connections, so its acceptor is wrapped: a connection holds a permit
//! while it lives, must finish sending a request [`REQUEST_DEADLINE`] after its first byte, and may be idle between
//! requests for [`IDLE_DEADLINE`]. Where an answer is given before all of a request was read, as to a body that is too
//! large, the rest is read for a moment before the connection goes: the client would be told of a reset and not see
//! the answer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use poem::http::uri::Scheme;
use poem::listener::{Acceptor, TcpAcceptor};
use poem::web::{LocalAddr, RemoteAddr};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

/// Most connections at once; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 16_384;
/// Files that are open beside connections: Redis, standard streams, the runtime's own.
const OTHER_FILES: usize = 64;
/// From a request's first byte to the first byte of its answer: reading takes at most 2 s, Redis 0.5 s.
const REQUEST_DEADLINE: Duration = Duration::from_secs(4);
/// Longer than load balancers keep an idle connection, so that it is they who close it.
const IDLE_DEADLINE: Duration = Duration::from_secs(75);
/// How long, and how much, is read of what nobody wants any more.
const LINGER: Duration = Duration::from_secs(1);
const MAX_UNWANTED: usize = 4 * 1024 * 1024;
/// A new connection that sends nothing.
const FIRST_BYTE_DEADLINE: Duration = Duration::from_secs(5);

/// poem's TCP acceptor with the limits above.
pub(crate) struct LimitedAcceptor {
    inner: TcpAcceptor,
    permits: Arc<Semaphore>,
}

impl LimitedAcceptor {
    pub(crate) fn new(listener: tokio::net::TcpListener) -> io::Result<Self> {
        Ok(Self { inner: TcpAcceptor::from_tokio(listener)?, permits: Arc::new(Semaphore::new(connections())) })
    }
}

/// How many connections there may be. Many systems start programs with a limit of 1024 open files that these may raise.
fn connections() -> usize {
    let wanted = (MAX_CONNECTIONS + OTHER_FILES) as u64;
    let limit = getrlimit(Resource::Nofile);
    let mut open_files = limit.current.unwrap_or(wanted);
    if open_files < wanted {
        let raised = limit.maximum.unwrap_or(wanted).min(wanted);
        match setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..limit }) {
            Ok(()) => open_files = raised,
            Err(error) => tracing::warn!(%error, open_files, "the limit of open files can't be raised"),
        }
    }
    usize::try_from(open_files).unwrap_or(usize::MAX).saturating_sub(OTHER_FILES).clamp(1, MAX_CONNECTIONS)
}

impl Acceptor for LimitedAcceptor {
    type Io = LimitedStream;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.inner.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(Self::Io, LocalAddr, RemoteAddr, Scheme)> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.expect("the semaphore is never closed");
        match self.inner.accept().await {
            Ok((stream, local, remote, scheme)) => {
                stream.set_nodelay(true)?;
                Ok((LimitedStream::new(stream, permit), local, remote, scheme))
            }
            Err(error) => {
                // Out of file descriptors, most likely: poem calls again at once, so wait for some to be closed.
                tracing::warn!(%error, "can't accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                Err(error)
            }
        }
    }
}

/// A connection that ends when its peer is too slow.
pub(crate) struct LimitedStream {
    inner: TcpStream,
    deadline: Pin<Box<Sleep>>,
    receiving: bool,
    /// How much more is read of what nobody wants; set when our side is shut.
    unwanted: Option<usize>,
    _permit: OwnedSemaphorePermit,
}

impl LimitedStream {
    fn new(inner: TcpStream, permit: OwnedSemaphorePermit) -> Self {
        let deadline = Box::pin(tokio::time::sleep(FIRST_BYTE_DEADLINE));
        Self { inner, deadline, receiving: false, unwanted: None, _permit: permit }
    }

    fn wait_until(&mut self, from_now: Duration) {
        self.deadline.as_mut().reset(Instant::now() + from_now);
    }
}

impl AsyncRead for LimitedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(result) = Pin::new(&mut self.inner).poll_read(cx, buf) {
            if !self.receiving {
                self.receiving = true;
                self.wait_until(REQUEST_DEADLINE);
            }
            return Poll::Ready(result);
        }
        ready!(self.deadline.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for LimitedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if let Poll::Ready(result) = Pin::new(&mut self.inner).poll_write(cx, buf) {
            self.receiving = false;
            self.wait_until(IDLE_DEADLINE);
            return Poll::Ready(result);
        }
        // A peer that sends requests and never reads an answer.
        ready!(self.deadline.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unwanted.is_none() {
            ready!(Pin::new(&mut self.inner).poll_shutdown(cx))?;
            self.unwanted = Some(MAX_UNWANTED);
            self.wait_until(LINGER);
        }
        let mut bytes = [0; 4096];
        loop {
            let mut piece = ReadBuf::new(&mut bytes);
            match Pin::new(&mut self.inner).poll_read(cx, &mut piece) {
                Poll::Ready(Ok(())) if !piece.filled().is_empty() => {
                    let left = self.unwanted.unwrap_or_default().saturating_sub(piece.filled().len());
                    self.unwanted = Some(left);
                    if left == 0 {
                        return Poll::Ready(Ok(()));
                    }
                }
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    ready!(self.deadline.as_mut().poll(cx));
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}
