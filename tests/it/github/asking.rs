//! How GitHub is asked: comparisons and approvals, pages, limits, errors, and a token that is
//! never shown.

use serde_json::{Value, json};
use system_tests::{Answer, Exit, GitHub, Govctl, Reply, TestDir};

const LIVE: &str = "41be77c3d2c7e5a1b0f9483726150a9b8c7d6e5f";
const NEW: &str = "9f2c1ab3d2c7e5a1b0f9483726150a9b8c7d6e5f";

/// A workspace without git, in whose state `LIVE` is live.
fn workspace(config: &str) -> TestDir {
    let dir = TestDir::new();
    dir.write(".booty.yml", &format!("release_governor:\n  cooldown_minutes: 30\n{config}"));
    let record = govctl(&dir, &format!("--repo acme/shop record {LIVE} success"));
    record.run().whatever_is_said().exit(Exit::Yes);
    dir
}

fn govctl(dir: &TestDir, words: &str) -> Govctl {
    Govctl::new(words, dir.path(), dir.path())
}

/// The decision about `NEW`, with what `github` says.
fn check(dir: &TestDir, github: &GitHub) -> Answer {
    github.for_run(govctl(dir, &format!("check {NEW} --json"))).run().any_stderr()
}

fn compared(status: &str, files: &Value) -> Reply {
    Reply::json(
        200,
        &json!({
            "url": "https://api.github.com/repos/acme/shop/compare/x", "status": status,
            "ahead_by": 1, "behind_by": 0, "total_commits": 1, "commits": [], "files": files,
        }),
    )
}

fn file(name: &str) -> Value {
    json!({ "sha": "bbcd538c8e72b8c175046e27cc8f907076331401", "filename": name,
            "status": "modified", "additions": 1, "deletions": 1, "changes": 2 })
}

#[test]
fn without_a_work_tree_github_compares() {
    let dir = workspace("");
    let github = GitHub::saying([compared("ahead", &json!([file("docs/a.md")]))]);
    let answer = check(&dir, &github).json(Exit::Yes);
    assert_eq!((&answer["risk_class"], &answer["reason"]), (&json!("LOW"), &json!("allow_low")));
    let asked = github.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].path, format!("/repos/acme/shop/compare/{LIVE}...{NEW}?per_page=100"));
    let headers = ["accept", "authorization", "x-github-api-version"];
    let bearer = format!("Bearer {}", GitHub::TOKEN);
    let expected = ["application/vnd.github+json", bearer.as_str(), "2022-11-28"];
    assert_eq!(headers.map(|name| asked[0].header(name)), expected);
    assert!(asked[0].header("user-agent").starts_with("govctl/"));
}

/// A server in a clone refused every commit that came after the clone was made.
#[test]
fn what_nobody_has_fetched_is_compared_by_github() {
    let (stage, github) = (super::model::stage(), super::model::github().0);
    let live = stage.repository.head();
    stage.govctl(&format!("record {live} success")).run().whatever_is_said().exit(Exit::Yes);
    let compared = compared("ahead", &json!([file("docs/a.md")]));
    let hub = GitHub::saying([compared]);
    let next = stage.repository.commit("shop.txt", "open");
    for (base, commit) in [(live.as_str(), NEW), (LIVE, next.as_str())] {
        stage.govctl(&format!("record {base} success")).run().whatever_is_said().exit(Exit::Yes);
        let payload = super::events::verified(commit, 1, "success").to_string();
        let event = stage.govctl("event --json --name workflow_run -").stdin(payload.as_bytes());
        // It has no deploy workflow, and is asked for one once all else is decided.
        hub.for_run(event).run().whatever_is_said().exit(Exit::Broken);
        let asked = hub.asked();
        let compare = format!("/repos/acme/shop/compare/{base}...{commit}?per_page=100");
        assert!(asked.iter().any(|asked| asked.path == compare), "{asked:?}");
    }
    // What git knows it compares itself.
    stage.govctl(&format!("record {live} success")).run().whatever_is_said().exit(Exit::Yes);
    let check = stage.govctl(&format!("check --json {next}"));
    assert_eq!(github.for_run(check).run().any_stderr().json(Exit::Yes)["reason"], "allow_low");
    assert!(github.asked().is_empty());
}

#[test]
fn every_page_counts_and_what_may_be_cut_is_high() {
    let dir = workspace("");
    let next = |github: &str| format!("<{github}/repositories/7/compare?page=2>; rel=\"next\"");
    // The address of the server is known only when it runs.
    let page = |files: Value| compared("ahead", &files);
    let github = {
        let mut first = true;
        GitHub::new(move |asked| {
            let host = format!("http://{}", asked.header("host"));
            if std::mem::take(&mut first) {
                page(json!([file("docs/a.md")])).header("link", &next(&host))
            } else {
                page(json!([file("db/migrations/1.sql")]))
            }
        })
    };
    let answer = check(&dir, &github).json(Exit::No);
    assert_eq!(answer["paths"], json!(["db/migrations/1.sql"]), "{answer:#}");
    assert_eq!(github.asked().len(), 2);

    let many: Value = (0..300).map(|number| file(&format!("docs/{number}"))).collect();
    let renamed = json!([{ "filename": "docs/x", "previous_filename": "db/migrations/1.sql",
                           "status": "renamed" }]);
    let elsewhere = compared("ahead", &json!([file("docs/a")]))
        .header("link", "<https://evil.example.com/2>; rel=\"next\"");
    for reply in [page(many), page(renamed), page(Value::Null), elsewhere] {
        let github = GitHub::saying([reply]);
        let answer = check(&dir, &github).json(Exit::No);
        assert_eq!(answer["risk_class"], "HIGH", "{answer:#}");
        assert_eq!(github.asked().len(), 1, "the token went elsewhere");
    }
}

#[test]
fn a_commit_that_lacks_what_is_live_is_held() {
    let dir = workspace("");
    for status in ["behind", "diverged"] {
        let github = GitHub::saying([compared(status, &json!([]))]);
        let answer = check(&dir, &github).json(Exit::No);
        assert_eq!(answer["reason"], "not_descendant", "{answer:#}");
    }
}

#[test]
fn reads_are_repeated_and_refusals_are_not() {
    let dir = workspace("");
    let good = || compared("ahead", &json!([file("docs/a.md")]));
    let limited = || Reply::json(403, &json!({ "message": "API rate limit exceeded" }));
    let spent = || limited().header("x-ratelimit-remaining", "0");
    let now = "Sat, 21 Nov 2026 11:00:00 GMT";
    // What is said first, how it ends with a good answer after it, how often it was asked.
    let table = [
        (Reply::empty(502), Exit::Yes, 2),
        (Reply::json(500, &json!({})), Exit::Yes, 2),
        (good().cut_at(0), Exit::Yes, 2),
        (good().cut_at(30), Exit::Yes, 2),
        (good().cut_at(good().length() - 1), Exit::Yes, 2),
        (limited().header("retry-after", "1"), Exit::Yes, 2),
        (Reply::json(429, &json!({})).header("retry-after", "0"), Exit::Yes, 2),
        (spent().header("x-ratelimit-reset", "1795258801").header("date", now), Exit::Yes, 2),
        (spent().header("x-ratelimit-reset", "1795262400").header("date", now), Exit::Broken, 1),
        (Reply::json(401, &json!({ "message": "Bad credentials" })), Exit::Broken, 1),
        (Reply::json(403, &json!({ "message": "Resource not accessible" })), Exit::Broken, 1),
        (Reply::not_found(), Exit::Broken, 1),
        (Reply::json(422, &json!({ "message": "Validation Failed" })), Exit::Broken, 1),
        (Reply::empty(302).header("location", "https://evil.example.com"), Exit::Yes, 2),
    ];
    for (first, exit, times) in table {
        let what = format!("{first:?}");
        let github = GitHub::saying([first, good()]);
        let answer = check(&dir, &github);
        assert_eq!(answer.code(), exit.code(), "{what}\n{}", answer.shown());
        assert_eq!(github.asked().len(), times, "{what}");
    }
}

#[test]
fn an_error_says_what_and_what_to_do_and_never_the_token() {
    let dir = workspace("");
    let echo = format!("Bad credentials {} \u{1b}[31m", GitHub::TOKEN);
    for (status, hint) in [(401, "set GITHUB_TOKEN"), (403, "may not do that"), (404, "not there")]
    {
        let reply = || Reply::json(status, &json!({ "message": echo }));
        for form in ["--json", "-vv", "--log-format json -vv"] {
            let github = GitHub::saying([reply()]);
            let answer = github.for_run(govctl(&dir, &format!("check {NEW} {form}"))).run();
            let shown = answer.shown();
            assert!(!shown.contains(GitHub::TOKEN) && !shown.contains('\u{1b}'), "{shown}");
            assert!(shown.contains(hint) && shown.contains(&status.to_string()), "{shown}");
        }
    }
}

#[test]
fn a_server_that_stays_away_or_answers_nonsense_is_an_error_in_the_end() {
    let dir = workspace("");
    let nonsense = Reply::json(200, &json!("no object")).header("x-y", "z");
    for reply in [Reply::empty(503), compared("ahead", &json!([])).cut_at(10)] {
        let github = GitHub::saying([reply]);
        assert_eq!(check(&dir, &github).json(Exit::Broken)["error"]["kind"], "broken");
        assert_eq!(github.asked().len(), 4);
    }
    // It is an answer, and it names no files.
    let answer = check(&dir, &GitHub::saying([nonsense])).json(Exit::No);
    assert_eq!(answer["risk_class"], "HIGH");
}

#[test]
fn a_token_does_not_leave_the_machine_in_the_clear() {
    let dir = workspace("");
    let run = govctl(&dir, &format!("--repo acme/shop check {NEW}"));
    let run = run.env("GITHUB_TOKEN", "x").env("GITHUB_API_URL", "http://github.example.com");
    run.run().stderr_has("in the clear").exit(Exit::Usage);
}

const BY_LABEL: &str = "  approval_mode: label\n  approval_label: release-ok\n";
const BY_COMMENT: &str = "  approval_mode: comment\n  approval_command: /release\n";

/// A GitHub on which `NEW` is risky and merged by pull request 7, with `said` as its events and
/// comments, where `permission` is what everybody has.
fn reviewed(said: Value, permission: &'static str) -> GitHub {
    GitHub::new(move |asked| match asked.path.split('?').next().unwrap() {
        path if path.contains("/compare/") => compared("ahead", &json!([file("db/migrations/1")])),
        path if path.ends_with("/pulls") => Reply::json(
            200,
            &json!([
                { "number": 7, "state": "closed", "merge_commit_sha": NEW,
                  "base": { "ref": "main" }, "head": { "sha": LIVE } },
                { "number": 8, "state": "open", "merge_commit_sha": LIVE,
                  "base": { "ref": "main" }, "head": { "sha": LIVE } },
            ]),
        ),
        path if path.contains("/issues/7/") => Reply::json(200, &said),
        path if path.contains("/collaborators/ana/") => {
            Reply::json(200, &json!({ "permission": permission, "user": { "login": "ana" } }))
        }
        _ => Reply::not_found(),
    })
}

fn labelled(by: &str) -> Value {
    json!([{ "event": "labeled", "label": { "name": "release-ok" },
             "actor": { "login": by, "type": "User" } }])
}

fn commented(by: &str, body: &str) -> Value {
    json!([{ "body": body, "user": { "login": by, "type": "User" },
             "author_association": "OWNER" }])
}

#[test]
fn an_approval_counts_only_if_its_author_may_write() {
    let table = [
        (BY_LABEL, labelled("ana"), "write", Exit::Yes),
        (BY_LABEL, labelled("ana"), "admin", Exit::Yes),
        (BY_LABEL, labelled("ana"), "read", Exit::No),
        (BY_LABEL, labelled("mallory"), "write", Exit::No),
        (BY_LABEL, json!([]), "write", Exit::No),
        (BY_COMMENT, commented("ana", "/release\nit is fine"), "write", Exit::Yes),
        (BY_COMMENT, commented("ana", "/release 9f2c1ab"), "write", Exit::Yes),
        (BY_COMMENT, commented("ana", "/release 41be77c"), "write", Exit::No),
        (BY_COMMENT, commented("ana", "please /release"), "write", Exit::No),
        (BY_COMMENT, commented("ana", "/release"), "read", Exit::No),
        (BY_COMMENT, commented("../../x?", "/release"), "admin", Exit::No),
    ];
    for (config, said, permission, exit) in table {
        let what = format!("{config}{said} {permission}");
        let github = reviewed(said, permission);
        let answer = check(&workspace(config), &github);
        assert_eq!(answer.code(), exit.code(), "{what}\n{}", answer.shown());
        assert!(github.asked_for("GET", "issues/8").is_empty(), "of another pull request");
    }
}

#[test]
fn approvals_that_cannot_be_asked_for_let_nothing_through() {
    let dir = workspace(BY_LABEL);
    let github = GitHub::new(|asked| match asked.path.contains("/compare/") {
        true => compared("ahead", &json!([file("db/migrations/1.sql")])),
        false => Reply::json(403, &json!({ "message": "Resource not accessible" })),
    });
    let run = github.for_run(govctl(&dir, &format!("check {NEW}"))).run();
    let run = run.stderr_has("cannot ask GitHub who approved 9f2c1ab");
    run.stdout_has("high_risk_no_approval").exit(Exit::No);
}
