//! Ways to a server, and who may go them.

use std::{collections::HashMap, time::Duration};

use cache_core::Tier;
use cache_redis::RedisTier;

use crate::{
    PATIENCE, ask, hasty,
    messages::Heard,
    patient, raw,
    redis_server::{Redis, has_redis},
    until,
};

/// What a user has to be allowed, as the documentation of the crate says it.
const RULES: &str = "~warmstart:* &warmstart:* +get +set +unlink +del +exists +touch +strlen +getrange +eval +scan \
                     +publish +subscribe +unsubscribe +punsubscribe +ping +client|info +client|kill";

fn text(value: Option<redis::Value>) -> String {
    redis::from_redis_value(value.unwrap()).unwrap()
}

/// Everything that a tier does.
fn use_all(tier: &RedisTier) {
    let values = tier.typed::<u32>("c").unwrap();
    until("changes are heard of", || tier.health().is_listening);
    values.insert("k", &1).unwrap();
    values.insert("l", &1).unwrap();
    assert_eq!(values.get("k").unwrap(), Some(1));
    assert!(values.contains("k").unwrap());
    values.remove("k").unwrap();
    assert_eq!(values.entries().unwrap().len(), 1);
    assert_eq!(tier.stored_categories().unwrap(), ["c"]);
    values.clear().unwrap();
    assert_eq!(values.get("l").unwrap(), None);
    assert!(tier.catch_up(PATIENCE));
    Tier::flush(tier).unwrap();
    assert_eq!((tier.health().failures, tier.health().outages), (0, 0));
}

#[test]
fn user_needs_only_its_own_names_and_a_few_commands() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let mut raw = raw(&redis.url());
    let rules: Vec<_> =
        ["ACL", "SETUSER", "cache", "on", ">se:cr@t"].into_iter().chain(RULES.split_whitespace()).collect();
    ask::<()>(&mut raw, &rules);
    ask::<()>(&mut raw, &["ACL", "SETUSER", "default", "off"]);
    let url = redis.url().replace("//", "//cache:se%3Acr%40t@");
    let tier = patient().open(&url).unwrap();
    use_all(&tier);
    // A damaged entry is removed.
    ask::<()>(&mut raw, &["SET", "warmstart:c:bad", "bad"]);
    assert!(tier.typed::<u32>("c").unwrap().get("bad").is_err());
    assert!(!ask::<bool>(&mut raw, &["EXISTS", "warmstart:c:bad"]));
    tier.close().unwrap();
    // Closed by itself, a breaker has looked whether the server is back.
    let tier = hasty().open(&url).unwrap();
    let values = tier.typed::<u32>("c").unwrap();
    values.insert("k", &1).unwrap();
    redis.signal("STOP");
    values.insert("k", &1).unwrap();
    redis.signal("CONT");
    until("the server is back", || !tier.health().is_away);
    let log: Vec<HashMap<String, redis::Value>> = ask(&mut raw, &["ACL", "LOG"]);
    let refused: Vec<_> = log.into_iter().map(|mut entry| text(entry.remove("object"))).collect();
    // What it looks for to see whether the server is back.
    assert!(refused.iter().all(|object| object == "x"), "{refused:?}");
}

#[test]
fn user_who_may_not_write_is_told_so_and_the_server_is_not_away() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    let mut raw = raw(&redis.url());
    ask::<()>(
        &mut raw,
        &["ACL", "SETUSER", "cache", "on", ">secret", "~*", "&*", "-@all", "+get", "+subscribe", "+ping"],
    );
    let tier = patient().open(&redis.url().replace("//", "//cache:secret@")).unwrap();
    let values = tier.typed::<u32>("c").unwrap();
    for _ in 0..5 {
        assert_eq!(values.get("k").unwrap(), None);
        values.insert("k", &1).unwrap_err();
        values.remove("k").unwrap_err();
        values.clear().unwrap_err();
        values.entries().unwrap_err();
    }
    assert!(!tier.health().is_away);
    assert_eq!(tier.health().failures, 0);
}

#[test]
fn user_without_the_channel_is_not_taken_for_one_that_listens() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start();
    redis.cli(&["ACL", "SETUSER", "cache", "on", ">secret", "~*", "resetchannels", "+@all"]);
    let url = redis.url().replace("//", "//cache:secret@");
    let tier = patient().pause(Duration::from_millis(20)).open(&url).unwrap();
    let heard = Heard::at_once_by(&tier);
    let values = tier.typed::<u32>("c").unwrap();
    values.insert("k", &1).unwrap();
    assert_eq!(values.get("k").unwrap(), Some(1));
    // What is in memory may be out of date each time.
    until("copies are dropped again and again", || heard.told().len() > 2);
    assert!(!tier.health().is_listening && tier.health().failures == 1);
}

#[test]
fn wrong_password_is_a_server_that_is_away() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start_with(&["--requirepass", "secret"]);
    let tier = patient().open(&redis.url().replace("//", "//:secret@")).unwrap();
    use_all(&tier);
    for url in
        [redis.url(), redis.url().replace("//", "//:sekret@"), redis.url().replace("//", "//cache:secret@")]
    {
        let tier = hasty().open(&url).unwrap();
        let values = tier.typed::<u32>("c").unwrap();
        assert_eq!(values.get("k").unwrap(), None);
        values.insert("k", &1).unwrap();
        assert_eq!(values.get("k").unwrap(), None);
        let health = tier.health();
        assert!(health.is_away && health.dropped_writes == 1, "{health:?}");
        let told = format!("{} {tier:?}", Tier::flush(&tier).unwrap_err());
        assert!(!told.contains("sekret") && !told.contains("secret"), "{told}");
    }
}

#[test]
fn socket_of_the_machine_is_a_way() {
    if !has_redis() {
        return;
    }
    let redis = Redis::start_with(&["--unixsocket", "{dir}/redis.sock"]);
    let mut raw = raw(&redis.url());
    let dir: Vec<String> = ask(&mut raw, &["CONFIG", "GET", "dir"]);
    let tier = hasty().open(&format!("unix://{}/redis.sock?db=2", dir[1])).unwrap();
    use_all(&tier);
    let values = tier.typed::<u32>("c").unwrap();
    values.insert("k", &1).unwrap();
    redis.signal("STOP");
    assert_eq!(values.get("k").unwrap(), None);
    redis.signal("CONT");
    until("the server is back", || values.get("k").unwrap() == Some(1));
}

#[cfg(feature = "tls")]
mod tls {
    use std::{path::Path, process::Command};

    use cache_core::Tier;

    use super::use_all;
    use crate::{
        ask,
        ends::ends,
        hasty, patient, raw,
        redis_server::{Redis, has_redis},
        run_child, url_of_parent,
    };

    #[test]
    fn child_trusts_the_authority() {
        let Some(url) = url_of_parent() else { return };
        let tier = patient().open(&url).unwrap();
        use_all(&tier);
        assert_eq!(ask::<usize>(&mut raw(&url), &["DBSIZE"]), 0);
    }

    #[test]
    fn server_is_reached_through_tls() {
        let dir = tempfile::tempdir().unwrap();
        let Some(redis) = with_tls(dir.path()) else { return };
        let url = redis.url().replace("redis:", "rediss:");
        let ca = dir.path().join("ca.crt");
        run_child(
            "access::tls::child_trusts_the_authority",
            &url,
            &[("SSL_CERT_FILE", ca.to_str().unwrap())],
        );
        // Nobody here has heard of the authority.
        let tier = hasty().open(&url).unwrap();
        let values = tier.typed::<u32>("c").unwrap();
        values.insert("k", &1).unwrap();
        assert_eq!(values.get("k").unwrap(), None);
        assert!(tier.health().is_away);
        let plain = hasty().open(&redis.url()).unwrap();
        assert_eq!(plain.typed::<u32>("c").unwrap().get("k").unwrap(), None);
    }

    #[test]
    fn certificates_are_always_verified() {
        let refused = hasty().open("rediss://:secret@127.0.0.1:6380/#insecure").unwrap_err().to_string();
        assert!(refused.contains("verified") && !refused.contains("secret"), "{refused}");
    }

    #[test]
    fn child_is_not_held_up_by_a_handshake() {
        let Some(url) = url_of_parent() else { return };
        let tier = hasty().open(&url).unwrap();
        let values = tier.typed::<u32>("c").unwrap();
        for _ in 0..5 {
            assert_eq!(values.get("k").unwrap(), None);
        }
        values.insert("k", &1).unwrap();
        assert!(tier.health().is_away);
        assert!(Tier::flush(&tier).is_err());
    }

    #[test]
    fn handshake_that_is_not_answered_is_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let Some(redis) = with_tls(dir.path()) else { return };
        redis.signal("STOP");
        let url = redis.url().replace("redis:", "rediss:");
        let ca = dir.path().join("ca.crt").to_str().unwrap().to_owned();
        let run = move |name: &str| run_child(name, &url, &[("SSL_CERT_FILE", &ca)]);
        let child = run.clone();
        ends(move || child("access::tls::child_is_not_held_up_by_a_handshake"));
        redis.signal("CONT");
        run("access::tls::child_trusts_the_authority");
    }

    /// A certificate for the loopback and the authority that vouches for it, in `dir`; false without the program.
    fn has_certificates(dir: &Path) -> bool {
        let at = |name: &str| dir.join(name).to_str().unwrap().to_owned();
        let run = |arguments: &[&str]| {
            let output = Command::new("openssl").args(arguments).output();
            output.map(|output| assert!(output.status.success(), "{output:?}")).is_ok()
        };
        std::fs::write(at("names"), "subjectAltName=IP:127.0.0.1").unwrap();
        let new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
        let [ca, ca_key, key, request, cert] = ["ca.crt", "ca.key", "key", "request", "crt"].map(at);
        let authority = ["-x509", "-days", "2", "-subj", "/CN=authority", "-keyout", &ca_key, "-out", &ca];
        run(&[&new[..], &authority].concat())
            && run(&[&new[..], &["-subj", "/CN=server", "-keyout", &key, "-out", &request]].concat())
            && run(&[
                "x509",
                "-req",
                "-days",
                "2",
                "-in",
                &request,
                "-CA",
                &ca,
                "-CAkey",
                &ca_key,
                "-CAcreateserial",
                "-extfile",
                &at("names"),
                "-out",
                &cert,
            ])
    }

    /// A server that speaks TLS only, if certificates can be made.
    fn with_tls(dir: &Path) -> Option<Redis> {
        if !has_redis() {
            return None;
        }
        if !has_certificates(dir) {
            let _ = std::fs::write("/dev/stderr", "\n*** IGNORED tests of TLS: there is no openssl ***\n");
            return None;
        }
        let at = |name: &str| dir.join(name).to_str().unwrap().to_owned();
        let (ca, key, cert) = (at("ca.crt"), at("key"), at("crt"));
        Some(Redis::start_with(&[
            "--port",
            "0",
            "--tls-port",
            "{port}",
            "--tls-auth-clients",
            "no",
            "--tls-ca-cert-file",
            &ca,
            "--tls-key-file",
            &key,
            "--tls-cert-file",
            &cert,
        ]))
    }
}
