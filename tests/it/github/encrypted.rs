//! HTTPS with a real server: who is not who he should be is an error that says so, never a pass.

use serde_json::{Value, json};
use system_tests::{Authority, Encrypted, Exit, GitHub, Govctl, Reply, Stage};

use super::model::{github, stage};

/// What the authority calls itself that is trusted.
const NAME: &str = "Acme";

/// Servers that nobody should believe who trusts the authority, and what is to be said of each.
fn imposters(trusted: &Authority, backend: &str) -> [(Encrypted, &'static str); 4] {
    [
        (Authority::new("another").serving("127.0.0.1", backend), "UnknownIssuer"),
        (Authority::new(NAME).serving("127.0.0.1", backend), "BadSignature"),
        (trusted.serving("shop.example", backend), "not valid for name"),
        (trusted.serving_expired("127.0.0.1", backend), "expired"),
    ]
}

fn health(stage: &Stage, url: &str) -> Govctl {
    stage.govctl("health --json --retries 0 --url").arg(url)
}

/// Why it is not well.
fn trouble(run: Govctl) -> String {
    let said: Value = run.run().any_stderr().json(Exit::Failed);
    assert_eq!(said["status"], Value::Null, "{said:#}");
    said.to_string()
}

#[test]
fn an_authority_that_is_named_is_believed_and_no_other() {
    let stage = stage();
    let shop = GitHub::saying([Reply::empty(200)]);
    let authority = Authority::new(NAME);
    let file = authority.file(&stage.dir);
    let server = authority.serving("127.0.0.1", shop.url());
    let trusting = |url: &str| health(&stage, url).env("SSL_CERT_FILE", &file);
    let said = trusting(server.url()).run().json(Exit::Yes);
    assert_eq!((&said["healthy"], &said["status"]), (&json!(true), &json!(200)));
    let asked = shop.asked().len();
    let said = trouble(health(&stage, server.url()));
    assert!(said.contains("certificate") && said.contains("UnknownIssuer"), "{said}");
    for (imposter, why) in imposters(&authority, shop.url()) {
        let said = trouble(trusting(imposter.url()));
        assert!(said.contains("certificate") && said.contains(why), "{why}: {said}");
    }
    assert_eq!(shop.asked().len(), asked, "an imposter was asked something");
}

#[test]
fn a_deploy_that_is_not_well_over_https_has_failed() {
    let stage = stage();
    let shop = GitHub::saying([Reply::empty(200)]);
    let server = Authority::new(NAME).serving("127.0.0.1", shop.url());
    let run = stage.govctl("deploy HEAD --health-retries 0 --health-url").arg(server.url());
    let run = run.arg("--").arg("ran").run();
    run.any_stderr().stdout_has("UnknownIssuer").exit(Exit::Failed);
}

#[test]
fn github_is_asked_and_told_over_https_and_an_imposter_is_told_nothing() {
    let stage = stage();
    let (github, _) = github();
    let authority = Authority::new(NAME);
    let file = authority.file(&stage.dir);
    let deploy = |server: &Encrypted| {
        let run = github.for_run(stage.govctl("deploy --json HEAD"));
        run.env("GITHUB_API_URL", server.url()).env("SSL_CERT_FILE", &file).run().any_stderr()
    };
    for (imposter, why) in imposters(&authority, github.url()) {
        let error = deploy(&imposter).json(Exit::Broken)["error"].to_string();
        assert!(error.contains("certificate") && error.contains(why), "{why}: {error}");
        assert!(error.contains("SSL_CERT_FILE"), "{error}");
        assert!(!error.contains(GitHub::TOKEN), "{error}");
    }
    assert!(github.asked().is_empty(), "an imposter was asked something");
    let has = stage.govctl("delivery has acme/shop").arg(stage.repository.head()).run();
    has.whatever_is_said().exit(Exit::No);
    let said = deploy(&authority.serving("127.0.0.1", github.url())).json(Exit::Yes);
    assert_eq!(said["outcome"], "success");
    assert_eq!(github.asked_for("POST", "/dispatches").len(), 1);
}

#[test]
fn a_file_without_certificates_is_used_wrongly() {
    let stage = stage();
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let [empty, key] =
        [("empty", ""), ("key", key)].map(|(name, text)| stage.dir.write(name, text));
    for file in [empty, key, stage.dir.join("missing")] {
        let run = health(&stage, "https://127.0.0.1:1/").env("SSL_CERT_FILE", &file).run();
        let error = run.any_stderr().json(Exit::Usage)["error"].to_string();
        assert!(error.contains("SSL_CERT_FILE"), "{error}");
    }
}
