//! The files under deploy/ and their like, against the programs and variables that there are.

use std::collections::BTreeSet;
use std::process::Command;

use harness::desk::Desk;
use serde_json::Value;

use crate::repository::{read, root, variables};

fn json(path: &str) -> Value {
    serde_json::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(path: &str) -> Value {
    let mut value: serde_yaml_ng::Value =
        serde_yaml_ng::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    value.apply_merge().unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::to_value(value).expect("plain values")
}

/// A command line is one of ours.
fn assert_ours(place: &str, command: &str) {
    let command = command.trim_start_matches("/usr/local/bin/").trim_start_matches("target/release/");
    assert!(["gateway", "worker run", "worker migrate"].contains(&command), "{place}: {command}");
}

fn assert_known<'a>(place: &str, names: impl IntoIterator<Item = &'a String>) {
    let known = variables();
    for name in names {
        assert!(known.contains(name), "{place}: neither program reads {name}");
    }
}

#[test]
fn the_procfile_and_the_units_start_what_there_is() {
    let procfile = read("Procfile");
    for line in procfile.lines() {
        let (process, command) = line.split_once(": ").expect("process: command");
        assert!(["release", "web", "worker"].contains(&process), "{process}");
        assert_ours("Procfile", command);
    }
    for unit in ["deploy/systemd/ticket-gateway.service", "deploy/systemd/ticket-worker@.service"] {
        let text = read(unit);
        let section = |name: &str| text.lines().any(|line| line == name);
        assert!(section("[Unit]") && section("[Service]") && section("[Install]"), "{unit}");
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with(['[', '#']));
        assert!(lines.clone().all(|line| line.contains('=')), "{unit}");
        let start = lines.filter_map(|line| line.strip_prefix("ExecStart=")).collect::<Vec<_>>();
        assert_eq!(start.len(), 1, "{unit}");
        assert_ours(unit, start[0]);
    }
}

#[test]
fn the_platforms_files_name_programs_and_variables_that_there_are() {
    for file in ["railway.json", "deploy/railway.worker.json"] {
        let railway = json(file);
        assert_ours(file, railway["deploy"]["startCommand"].as_str().expect(file));
        for command in railway["deploy"]["preDeployCommand"].as_array().into_iter().flatten() {
            assert_ours(file, command.as_str().expect(file));
        }
        assert!(root().join(railway["build"]["dockerfilePath"].as_str().expect(file)).is_file());
    }
    let heroku = json("app.json");
    let variables: Vec<&String> = heroku["env"].as_object().expect("variables").keys().collect();
    assert_known("app.json", variables.iter().copied());
    for required in ["SLACK_SIGNING_SECRET", "SLACK_BOT_TOKEN", "SLACK_CHANNEL_ID", "ADMIN_CHANNEL", "SYSTEM_USERS"] {
        assert!(variables.iter().any(|name| *name == required), "{required}");
    }
    let procfile = read("Procfile");
    for process in heroku["formation"].as_object().expect("processes").keys() {
        assert!(procfile.lines().any(|line| line.starts_with(&format!("{process}: "))), "{process}");
    }
}

#[test]
fn compose_starts_the_desk_on_a_redis_that_keeps_what_it_took() {
    let compose = yaml("deploy/compose.yaml");
    let services = compose["services"].as_object().expect("services");
    assert_eq!(services.keys().collect::<BTreeSet<_>>().len(), 4);
    for program in ["gateway", "worker"] {
        let service = &services[program];
        let command: Vec<&str> = service["command"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_ours("compose.yaml", &command.join(" "));
        assert_eq!((&service["read_only"], &service["cap_drop"]), (&Value::Bool(true), &serde_json::json!(["ALL"])));
        assert_known("compose.yaml", service["environment"].as_object().expect("variables").keys());
        assert!(
            root()
                .join("deploy")
                .join(service["build"]["dockerfile"].as_str().unwrap().trim_start_matches("deploy/"))
                .is_file()
        );
    }
    // Each program is given what it reads and not the other's secrets.
    let given = |program: &str, name: &str| services[program]["environment"].get(name).is_some();
    for (secret, holder, other) in [
        ("SLACK_SIGNING_SECRET", "gateway", "worker"),
        ("SLACK_BOT_TOKEN", "worker", "gateway"),
        ("DATABASE_URL", "worker", "gateway"),
    ] {
        assert!(given(holder, secret) && !given(other, secret), "{secret}");
        assert_eq!(services[other].get("env_file"), None);
    }
    let redis = services["redis"]["command"].to_string();
    for setting in [r#""--appendonly","yes""#, r#""--appendfsync","always""#, r#""--maxmemory-policy","noeviction""#] {
        assert!(redis.contains(setting), "{setting} in {redis}");
    }
}

#[test]
fn the_image_holds_both_programs_and_runs_as_nobody_special() {
    let dockerfile = read("deploy/Dockerfile");
    let lines: Vec<&str> = dockerfile.lines().collect();
    assert!(dockerfile.contains("cargo build --release --locked --package gateway --package worker"));
    assert!(dockerfile.contains("/src/target/release/gateway /src/target/release/worker /usr/local/bin/"));
    let last_user = lines.iter().rev().find_map(|line| line.strip_prefix("USER ")).expect("a user");
    assert!(!last_user.starts_with('0') && last_user != "root");
    let toolchain = lines.iter().find_map(|line| line.strip_prefix("FROM rust:")).expect("a toolchain");
    let needed =
        read("Cargo.toml").lines().find_map(|line| line.strip_prefix("rust-version = ").map(str::to_owned)).unwrap();
    assert!(toolchain.starts_with(needed.trim_matches('"')), "{toolchain} is not {needed}");
    let set = lines.iter().find_map(|line| line.strip_prefix("ENV ")).expect("variables");
    let names: Vec<String> =
        set.split(' ').filter_map(|pair| pair.split_once('=')).map(|(name, _)| name.to_owned()).collect();
    assert_known("Dockerfile", &names);
    // What the build needs must not be ignored.
    let ignored = read(".dockerignore");
    for needed in ["migrations", "form.toml", "manifest.yaml", "Cargo.lock", "tests"] {
        assert!(!ignored.lines().any(|line| line.trim_start_matches("**/") == needed), "{needed}");
    }
    assert!(ignored.lines().any(|line| line == "**/.env"), "secrets stay out of the image");
}

#[tokio::test]
async fn the_healthcheck_tells_a_living_program_from_a_dead_one_and_knows_which_to_ask() {
    let desk = Desk::start().await;
    let living: u16 = desk.gateway_url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let dead = harness::servers::free_port();
    let folder = std::env::temp_dir().join(format!("ticket-healthcheck-{}", harness::servers::unique()));
    std::fs::create_dir_all(&folder).unwrap();
    let check = |program: &'static [u8], variables: &[(&'static str, u16)], arguments: &[u16]| {
        let cmdline = folder.join("cmdline");
        std::fs::write(&cmdline, program).unwrap();
        let mut command = Command::new("bash");
        command.arg(root().join("deploy/healthcheck")).args(arguments.iter().map(u16::to_string));
        command.env_remove("PORT").env_remove("METRICS_PORT").env("HEALTHCHECK_CMDLINE", cmdline);
        command.envs(variables.iter().map(|(name, port)| (*name, port.to_string())));
        let run = move || command.output().expect("bash is there").status.success();
        async move { tokio::task::spawn_blocking(run).await.unwrap() }
    };
    let (gateway, worker): (&[u8], &[u8]) = (b"gateway\0", b"/usr/local/bin/worker\0run\0");
    assert!(check(gateway, &[("PORT", living), ("METRICS_PORT", dead)], &[]).await);
    assert!(!check(gateway, &[("PORT", dead), ("METRICS_PORT", living)], &[]).await);
    assert!(check(worker, &[("PORT", dead), ("METRICS_PORT", living)], &[]).await);
    assert!(!check(worker, &[("PORT", living), ("METRICS_PORT", dead)], &[]).await);
    assert!(check(worker, &[("PORT", dead)], &[]).await, "a worker that serves nothing can't be asked");
    assert!(check(gateway, &[], &[living]).await && !check(gateway, &[], &[dead]).await);
    std::fs::remove_dir_all(folder).unwrap();
    desk.finish().await;
}

#[test]
fn workers_of_one_machine_have_ports_of_their_own() {
    let unit = read("deploy/systemd/ticket-worker@.service");
    assert!(unit.lines().any(|line| line == "Environment=METRICS_PORT=909%i"), "{unit}");
    let set: Vec<String> = unit
        .lines()
        .filter_map(|line| line.strip_prefix("Environment="))
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, _)| name.to_owned())
        .collect();
    assert_known("ticket-worker@.service", &set);
}

/// What systemd itself thinks of the units, where it is installed.
#[test]
fn systemd_understands_the_units() {
    for unit in ["ticket-gateway.service", "ticket-worker@.service"] {
        let verify =
            Command::new("systemd-analyze").arg("verify").arg(root().join("deploy/systemd").join(unit)).output();
        let Ok(output) = verify else { continue };
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        // The programs are not installed here.
        let complaints: Vec<&str> = text
            .lines()
            .filter(|line| line.contains(unit.split('.').next().unwrap()) && !line.contains("is not executable"))
            .collect();
        assert_eq!(complaints, Vec::<&str>::new(), "{unit}");
    }
}

#[test]
fn heroku_builds_the_two_programs_that_the_procfile_starts() {
    let flags = read("RustConfig");
    for line in read("Procfile").lines() {
        let program = line.split("target/release/").nth(1).and_then(|rest| rest.split(' ').next()).expect("a program");
        assert!(flags.contains(&format!("-p {program}")), "{program}");
    }
    assert!(flags.contains("RUST_CARGO_BUILD_FLAGS=") && flags.contains("--release --locked"));
}

/// With a real Slack the data are real tickets.
#[test]
fn a_fresh_start_with_a_real_slack_wants_to_be_sure() {
    let mut command = Command::new("bash");
    command
        .arg(root().join("bin/dev"))
        .arg("--fresh")
        .env("SLACK_BOT_TOKEN", "xoxb-1")
        .stdin(std::process::Stdio::null());
    let output = command.output().expect("bash is there");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && text.contains("give --yes"), "{text}");
}
