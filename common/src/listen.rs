//! Where a program is reached.

use std::io;

use tokio::net::TcpListener;

/// Listens on all interfaces: IPv6 and IPv4 at once; IPv4 alone where the machine has no IPv6.
///
/// # Errors
/// When the port is taken or may not be listened on.
pub async fn everywhere(port: u16) -> io::Result<TcpListener> {
    match TcpListener::bind(("::", port)).await {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => TcpListener::bind(("0.0.0.0", port)).await,
        result => result,
    }
}
