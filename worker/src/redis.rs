//! How the worker reaches Redis: encryption, timeouts, reconnecting, and what an operator is told when it can't.
//!
//! fred's defaults wait for ever and tell nothing: every command here has a timeout, the connection a reconnect policy,
//! and what goes wrong while connecting is taken from the client's error channel, the only place where it is said.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use common::redis_server::{RedisServer, Trust};
use fred::prelude::*;
use fred::types::config::{TlsConnector, UnresponsiveConfig};
use hyper_rustls::ConfigBuilderExt as _;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::sync::broadcast::error::RecvError;

use crate::obstacle::{Obstacle, Teller};

/// Connecting, and any command but the blocking read.
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(2);
/// A server that neither connects nor refuses for so long is told of.
const SILENCE: Duration = Duration::from_secs(10);

/// Whether an address and its certificates can be used; what the machine itself trusts is not looked at.
pub fn is_usable(server: &RedisServer) -> bool {
    let authority_is_usable = match &server.trust {
        Trust::Ca(pem) => roots(pem).is_ok(),
        Trust::System | Trust::Nobody => true,
    };
    authority_is_usable && address(server).is_ok()
}

/// A client that connects and reconnects as long as it takes; no command of it waits longer than `timeout`.
///
/// # Errors
/// When the address or the certificates can't be used.
pub fn lasting_client(server: &RedisServer, timeout: Duration) -> anyhow::Result<Client> {
    let mut builder = builder(server, timeout, false)?;
    builder.set_policy(ReconnectPolicy::new_exponential(0, 50, 1000, 2));
    builder.build().context("the Redis client can't be made")
}

/// A client that is connected, for a command that ends.
///
/// # Errors
/// What is wrong, and what mends it.
pub async fn connect_once(server: &RedisServer) -> anyhow::Result<Client> {
    let client = builder(server, COMMAND_TIMEOUT, true)?.build().context("the Redis client can't be made")?;
    match tokio::time::timeout(COMMAND_TIMEOUT * 2, client.init()).await {
        Ok(Ok(_)) => Ok(client),
        Ok(Err(error)) => Err(explain(&error).into()),
        Err(_) => Err(silence().into()),
    }
}

/// Waits until a lasting client is connected, however long that takes; tells the log why it isn't.
pub async fn wait_until_connected(client: &Client) {
    let mut errors = client.error_rx();
    let mut teller = Teller::default();
    let mut connecting = std::pin::pin!(client.init());
    loop {
        let obstacle = tokio::select! {
            connected = &mut connecting => match connected {
                Ok(_) => return,
                // It never gives up by itself but for what no time mends; an operator may.
                Err(error) => {
                    tokio::time::sleep(COMMAND_TIMEOUT).await;
                    connecting.set(client.init());
                    explain(&error)
                }
            },
            error = errors.recv() => match error {
                Ok((error, _)) => explain(&error),
                Err(RecvError::Lagged(_)) => continue,
                // The client closes the channel when it gives up.
                Err(RecvError::Closed) => {
                    errors = client.error_rx();
                    continue;
                }
            },
            () = tokio::time::sleep(SILENCE) => silence(),
        };
        teller.tell(&obstacle);
    }
}

fn silence() -> Obstacle {
    obstacle("does not answer", "start it, and correct REDIS_URL: address and port")
}

fn obstacle(found: impl Into<String>, fix: &'static str) -> Obstacle {
    Obstacle { server: "Redis", found: found.into(), fix }
}

/// fred's error in an operator's words. Its details are the server's or the system's, which hold no password.
pub fn explain(error: &Error) -> Obstacle {
    let details = error.details();
    if *error.kind() == ErrorKind::Auth || ["NOAUTH", "WRONGPASS"].iter().any(|code| details.contains(code)) {
        return obstacle(
            "refuses the password",
            "correct user and password in REDIS_URL: redis://USER:PASSWORD@HOST:PORT",
        );
    }
    if let Some((_, why)) = details.split_once("InvalidCertificate(") {
        let why: String = why.trim_end_matches(['}', ')', ' ']).chars().take(200).collect();
        return obstacle(
            format!("shows a certificate that is not trusted ({why})"),
            "name the certificate's authority in REDIS_CA and the certificate's host in REDIS_URL; \
             REDIS_TLS_VERIFY=no trusts any certificate",
        );
    }
    if *error.kind() == ErrorKind::Tls || details.contains("InvalidData") || details.contains("UnexpectedEof") {
        let fix = "does it speak TLS at that port? In REDIS_URL redis:// is without TLS, rediss:// with it";
        return obstacle("can't be spoken to", fix);
    }
    if *error.kind() == ErrorKind::Timeout {
        return silence();
    }
    let why = if details.contains("ConnectionRefused") { "connection refused" } else { details };
    obstacle(format!("can't be reached: {why}"), silence().fix)
}

fn builder(server: &RedisServer, timeout: Duration, fail_fast: bool) -> anyhow::Result<Builder> {
    let mut config = address(server).context("REDIS_URL is no Redis address")?;
    config.fail_fast = fail_fast;
    if server.is_encrypted() {
        config.tls = Some(TlsConnector::from(client_config(&server.trust)?).into());
    }
    let mut builder = Builder::from_config(config);
    builder
        .with_performance_config(|performance| performance.default_command_timeout = timeout)
        .with_connection_config(|connection| {
            connection.connection_timeout = COMMAND_TIMEOUT;
            connection.internal_command_timeout = COMMAND_TIMEOUT;
            connection.max_command_attempts = 1;
            connection.unresponsive =
                UnresponsiveConfig { max_timeout: Some(timeout + COMMAND_TIMEOUT), interval: Duration::from_secs(1) };
        });
    Ok(builder)
}

/// The address without its encryption, which fred would set up with what the machine trusts, or not at all where it can't
/// read that.
fn address(server: &RedisServer) -> Result<Config, Error> {
    let url = server.url.expose();
    let plain = url.strip_prefix("rediss://").map(|rest| format!("redis://{rest}"));
    Config::from_url_centralized(plain.as_deref().unwrap_or(url))
}

fn client_config(trust: &Trust) -> anyhow::Result<ClientConfig> {
    let builder = ClientConfig::builder();
    Ok(match trust {
        Trust::System => builder
            .with_native_roots()
            .context("the machine's trusted certificates can't be read")?
            .with_no_client_auth(),
        Trust::Ca(pem) => builder.with_root_certificates(roots(pem)?).with_no_client_auth(),
        Trust::Nobody => {
            let provider = Arc::clone(builder.crypto_provider());
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
                .with_no_client_auth()
        }
    })
}

fn roots(pem: &[u8]) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate?)?;
    }
    anyhow::ensure!(!roots.is_empty(), "no certificate");
    Ok(roots)
}

/// `REDIS_TLS_VERIFY=no`: encrypted, to whoever answers.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::secret::Secret;

    fn server(url: &str, trust: Trust) -> RedisServer {
        RedisServer { url: Secret::new(url), trust }
    }

    #[test]
    fn the_client_never_waits_for_ever() {
        let client = lasting_client(&server("redis://127.0.0.1:1", Trust::System), COMMAND_TIMEOUT).unwrap();
        assert_eq!(client.perf_config().default_command_timeout, COMMAND_TIMEOUT);
        assert!(client.client_reconnect_policy().is_some());
        assert!(client.connection_config().unresponsive.max_timeout.is_some());
    }

    #[test]
    fn encryption_is_what_the_address_says_whatever_is_trusted() {
        for trust in [Trust::System, Trust::Nobody] {
            let config = |url: &str| {
                let client = lasting_client(&server(url, trust.clone()), COMMAND_TIMEOUT).unwrap();
                client.client_config().tls.is_some()
            };
            assert_eq!((config("redis://h:1"), config("rediss://h:1")), (false, true), "{trust:?}");
        }
        let broken = b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----".to_vec();
        assert!(!is_usable(&server("rediss://h:1", Trust::Ca(broken))));
    }

    #[test]
    fn obstacles_are_told_apart() {
        let find = |kind, details: &'static str| explain(&Error::new(kind, details)).found;
        assert!(find(ErrorKind::Auth, "WRONGPASS invalid").contains("password"));
        let refused = r#"Custom { kind: InvalidData, error: InvalidCertificate(UnknownIssuer) }"#;
        assert_eq!(find(ErrorKind::IO, refused), "shows a certificate that is not trusted (UnknownIssuer)");
        assert!(find(ErrorKind::IO, "Os { code: 111, kind: ConnectionRefused }").ends_with("connection refused"));
        assert_eq!(find(ErrorKind::Timeout, "Request timed out."), "does not answer");
    }
}
