//! How the worker reaches PostgreSQL: the address with its encryption written out, and what an operator is told when it
//! can't be used.
//!
//! What `sslmode` says is done. Where it says nothing: a server on this machine or in a private network is reached with
//! encryption if it offers it (`prefer`), any other only with encryption (`require`); with `sslrootcert` the certificate is
//! verified in full. `require` doesn't verify the certificate: anybody who can divert the connection can read along.
//!
//! Two choices differ from libpq's. `sslrootcert` with `require` is `verify-full` here, not `verify-ca`: sqlx trusts the
//! machine's authorities beside the given ones, so that without the host's name any public certificate would do. And
//! `allow` is refused, which sqlx takes for `disable`.

use std::borrow::Cow;
use std::net::IpAddr;

use common::env::{Env, Faulty};
use common::secret::Secret;
use sqlx::postgres::PgConnectOptions;
use url::Url;

use crate::obstacle::Obstacle;

/// What an address looks like.
const EXAMPLE: &str = "postgres://user:password@localhost:5432/tickets";
/// The modes that there are.
const MODES: [&str; 5] = ["disable", "prefer", "require", "verify-ca", "verify-full"];
/// The parameters that sqlx knows beside the two of encryption, by all their names. It logs others with their values.
const KNOWN: [&str; 12] = [
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
];

/// Reads and checks `DATABASE_URL` with its companions `PGSSLMODE` and `PGSSLROOTCERT`; the address that is returned says
/// how it is encrypted, so that whoever connects with it does so alike.
///
/// # Errors
/// [`Faulty`] where one of them is missing or wrong.
pub fn from_env(env: &mut Env) -> Result<Secret, Faulty> {
    let mode = env.optional("PGSSLMODE", &format!("one of {}", MODES.join(", ")), "require", |text| {
        MODES.contains(&text).then(|| text.to_owned())
    });
    let expected = "the path of a PEM file with certificates";
    let root = env.optional("PGSSLROOTCERT", expected, "/etc/ticket-desk/postgres-ca.pem", |text| {
        holds_certificate(text).then(|| text.to_owned())
    });
    let expected = "a postgres:// address, its sslmode (if any) one of disable, prefer, require, verify-ca, verify-full, \
                    its sslrootcert (if any) a readable PEM file";
    let url = env.required("DATABASE_URL", expected, EXAMPLE, |text| {
        let given = |variable: &Result<Option<String>, Faulty>| variable.clone().ok().flatten();
        explicit(text, given(&mode).as_deref(), given(&root).as_deref())
    });
    mode.and(root).and(url)
}

/// The address with `sslmode` written out; `mode` and `root` count where it doesn't name its own.
fn explicit(text: &str, mode: Option<&str>, root: Option<&str>) -> Option<Secret> {
    let mut url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "postgres" | "postgresql"))?;
    let (mut mode, mut root) = (mode.map(Cow::Borrowed), root.map(Cow::Borrowed));
    let mut others = Vec::new();
    for (name, value) in url.query_pairs() {
        match &*name {
            "sslmode" | "ssl-mode" => mode = Some(value.into_owned().into()),
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" => root = Some(value.into_owned().into()),
            name if KNOWN.contains(&name) || name == "options" || name.starts_with("options[") => {
                others.push((name.to_owned(), value.into_owned()));
            }
            _ => {}
        }
    }
    if mode.as_deref().is_some_and(|mode| !MODES.contains(&mode)) || !root.as_deref().is_none_or(holds_certificate) {
        return None;
    }
    let other = |name: &str| others.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let host = other("host").or(other("hostaddr")).or(url.host_str()).unwrap_or_default();
    let mode = match (mode.as_deref(), &root) {
        (None | Some("require"), Some(_)) => "verify-full",
        (None, None) if is_near(host) => "prefer",
        (None, None) => "require",
        (Some(mode), _) => mode,
    };
    others.push(("sslmode".to_owned(), mode.to_owned()));
    others.extend(root.as_ref().map(|root| ("sslrootcert".to_owned(), root.to_string())));
    url.set_query(None);
    url.query_pairs_mut().extend_pairs(&others);
    url.as_str().parse::<PgConnectOptions>().ok().map(|_| Secret::new(url.as_str()))
}

/// This machine, a socket, a private address, or a name that only a private network knows.
fn is_near(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
        Err(_) => {
            !host.contains('.') || host.ends_with(".internal") || host.ends_with(".local") || host.starts_with('/')
        }
    }
}

fn holds_certificate(path: &str) -> bool {
    let pem = if path.contains("-----BEGIN") { Ok(path.to_owned()) } else { std::fs::read_to_string(path) };
    pem.is_ok_and(|pem| pem.contains("-----BEGIN CERTIFICATE-----"))
}

/// How an address made by [`from_env`] is encrypted, in words.
pub fn encryption(database_url: &Secret) -> &'static str {
    let url = Url::parse(database_url.expose()).ok();
    let mode =
        url.and_then(|url| url.query_pairs().find(|(name, _)| name == "sslmode").map(|(_, mode)| mode.into_owned()));
    match mode.as_deref() {
        Some("verify-full") => "TLS, verified (sslmode=verify-full)",
        Some("verify-ca") => "TLS, the authority verified but not the host (sslmode=verify-ca)",
        Some("require") => "TLS, not verified (sslmode=require)",
        Some("disable") => "none (sslmode=disable)",
        _ => "TLS if the server offers it, not verified (sslmode=prefer)",
    }
}

/// The server's certificate isn't trusted, or it has none though one is demanded: waiting doesn't mend that.
pub fn is_encryption_refused(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Tls(_) => true,
        sqlx::Error::Io(io) => io.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()),
        _ => false,
    }
}

/// sqlx' error in an operator's words: the server's or the system's, which hold no password.
pub fn explain(error: &sqlx::Error) -> Obstacle {
    let obstacle = |found: String, fix| Obstacle { server: "PostgreSQL", found, fix };
    match error {
        error if is_encryption_refused(error) => obstacle(
            format!("can't be trusted: {error}"),
            "name the certificate's authority in sslrootcert and the certificate's host in DATABASE_URL (sslmode=verify-full); \
             sslmode=require encrypts without verifying, sslmode=disable doesn't encrypt",
        ),
        sqlx::Error::Io(io) => {
            obstacle(format!("can't be reached: {io}"), "start it, and correct DATABASE_URL: address and port")
        }
        sqlx::Error::PoolTimedOut => {
            obstacle("can't be reached".to_owned(), "start it, and correct DATABASE_URL: address and port")
        }
        sqlx::Error::Database(refusal) => match refusal.code().as_deref() {
            Some("28P01" | "28000") => obstacle(
                format!("refuses the user or the password: {}", refusal.message()),
                "correct user and password in DATABASE_URL",
            ),
            Some("3D000") => {
                obstacle(refusal.message().to_owned(), "create the database, or correct its name in DATABASE_URL")
            }
            Some("42P01" | "42703") => {
                obstacle("has an older schema than this program".to_owned(), "run `worker migrate`")
            }
            Some("53300") => obstacle(
                format!("has no connection left: {}", refusal.message()),
                "raise max_connections, or run fewer workers",
            ),
            _ => obstacle(format!("refuses: {}", refusal.message()), "see PostgreSQL's log"),
        },
        other => obstacle(format!("fails: {other}"), "see PostgreSQL's log"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode_of(url: &str) -> Option<String> {
        let url = Url::parse(explicit(url, None, None)?.expose()).unwrap();
        url.query_pairs().find(|(name, _)| name == "sslmode").map(|(_, mode)| mode.into_owned())
    }

    #[test]
    fn what_is_far_is_encrypted_and_what_is_asked_for_is_done() {
        for (url, mode) in [
            ("postgres://u:p@localhost/t", Some("prefer")),
            ("postgresql://u:p@postgres:5432/t", Some("prefer")),
            ("postgres://u:p@10.1.2.3/t", Some("prefer")),
            ("postgres://u:p@postgres.railway.internal/t", Some("prefer")),
            ("postgres:///t?host=/run/postgresql", Some("prefer")),
            ("postgres://u:p@ec2-1-2-3-4.compute-1.amazonaws.com/t", Some("require")),
            ("postgres://u:p@93.184.216.34/t", Some("require")),
            ("postgres://u:p@localhost/t?host=db.example.com", Some("require")),
            ("postgres://u:p@db.example.com/t?sslmode=disable", Some("disable")),
            ("postgres://u:p@localhost/t?sslmode=verify-full", Some("verify-full")),
            ("postgres://u:p@localhost/t?sslmode=allow", None),
            ("postgres://u:p@localhost/t?sslmode=no-verify", None),
            ("postgres://u:p@localhost/t?sslrootcert=/does/not/exist", None),
            ("http://u:p@localhost/t", None),
            ("mysql://u:p@localhost/t", None),
            ("nonsense", None),
        ] {
            assert_eq!(mode_of(url).as_deref(), mode, "{url}");
        }
    }

    #[test]
    fn an_authority_is_there_to_verify_with() {
        let pem = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----";
        let mode = |mode| encryption(&explicit("postgres://u@h/t", mode, Some(pem)).unwrap());
        assert!(mode(None).contains("verify-full") && mode(Some("require")).contains("verify-full"));
        assert!(mode(Some("verify-ca")).contains("verify-ca"));
    }

    #[test]
    fn parameters_that_would_be_logged_with_their_values_are_left_out() {
        let url =
            explicit("postgres://u:p@h/t?sslpassword=hush&channel_binding=require&application_name=a", None, None);
        let url = url.unwrap().expose().to_owned();
        assert!(
            !url.contains("hush") && !url.contains("channel_binding") && url.contains("application_name=a"),
            "{url}"
        );
    }
}
