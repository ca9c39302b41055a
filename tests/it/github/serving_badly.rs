//! `serve`, asked by clients that are slow, mistaken or hostile.

use std::io::Write;
use std::net::Shutdown;

use system_tests::{GitHub, Said, Stage, Webhooks, eventually};

use super::model::{github, stage};

fn start(stage: &Stage, github: &GitHub, options: &str) -> Webhooks {
    Webhooks::start(stage, github.for_run(stage.govctl(&format!("serve {options}"))))
}

#[test]
fn each_wrong_request_has_its_answer_and_the_server_lives_on() {
    let stage = stage();
    let (github, _) = github();
    let server = start(&stage, &github, "");
    let signature = format!("x-hub-signature-256: {}\r\n", Webhooks::signature("x", ""));
    let post = |headers: &str| format!("POST / HTTP/1.1\r\n{signature}{headers}\r\n");
    let many = "a: b\r\n".repeat(65);
    let long = format!("a: {}\r\n", "b".repeat(17 * 1024));
    let garbage = "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\r\n\r\n".to_owned();
    let cases = [
        (garbage, 400),
        ("GET / HTTP/1.1\r\n: x\r\n\r\n".to_owned(), 400),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 505),
        ("GET /elsewhere HTTP/1.1\r\n\r\n".to_owned(), 404),
        ("GET /../etc/passwd HTTP/1.1\r\n\r\n".to_owned(), 404),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 405),
        ("PUT /webhook HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi".to_owned(), 405),
        ("POST /healthz HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi".to_owned(), 405),
        ("DELETE /metrics HTTP/1.1\r\n\r\n".to_owned(), 405),
        (post(""), 411),
        (post("transfer-encoding: chunked\r\n"), 411),
        (post("content-length: 1\r\ntransfer-encoding: chunked\r\n"), 411),
        (post("content-length: x\r\n"), 400),
        (post("content-length: 1\r\ncontent-length: 2\r\n"), 400),
        (post("content-length: 26214401\r\n"), 413),
        (post("content-length: 99999999999999999999999999\r\n"), 413),
        (post(&many), 431),
        (post(&long), 431),
        ("GET /".to_owned() + &"x".repeat(17 * 1024), 431),
        ("POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nhello".to_owned(), 401),
    ];
    for (request, status) in &cases {
        let said = server.send(request.as_bytes());
        let begin: String = request.chars().take(80).collect();
        assert_eq!(said.status, *status, "{begin:?}: {said:?}");
        assert!(said.head.contains("\r\nconnection: close"), "{said:?}");
        assert_eq!(said.json()["schema"], "govctl.webhook/1", "{begin:?}: {said:?}");
    }
    let said = server.send(b"PUT / HTTP/1.1\r\n\r\n");
    assert!(said.head.contains("\r\nallow: POST"), "{said:?}");
    let said = server.send(b"HEAD /healthz HTTP/1.1\r\n\r\n");
    assert_eq!((said.status, said.text.as_str()), (405, ""));
    assert_eq!(server.get("/healthz").json()["status"], "ok");
    let counted = server.metric("govctl_http_requests_total{code=\"405\"}");
    assert_eq!(counted, 6);
    assert!(github.asked().is_empty());
}

#[test]
fn a_body_as_long_as_any_of_github_is_heard_and_one_byte_more_is_not() {
    let stage = stage();
    let (github, _) = github();
    let server = start(&stage, &github, "--request-timeout 60s --answer-within 60s");
    let mut body = "{\"repository\": {\"full_name\": \"acme/shop\"}}".to_owned();
    body.extend(std::iter::repeat_n(' ', (25 << 20) - body.len()));
    let said = server.send(&Webhooks::request("push", "a-1", &body));
    assert_eq!((said.status, &said.json()["outcome"]), (200, &"ignored".into()), "{said:?}");
    body.push(' ');
    assert_eq!(server.send(&Webhooks::request("push", "a-2", &body)).status, 413);
}

#[test]
fn what_is_pipelined_behind_a_request_is_not_answered() {
    let stage = stage();
    let (github, _) = github();
    let server = start(&stage, &github, "");
    let twice = b"GET /healthz HTTP/1.1\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n";
    let said = server.send(twice);
    assert_eq!((said.status, said.text.matches("HTTP/1.1").count()), (200, 0), "{said:?}");
    assert_eq!(server.metric("govctl_http_requests_total{code=\"200\"}"), 1);
}

#[test]
fn a_slow_client_is_cut_off_wherever_it_dawdles() {
    let stage = stage();
    let (github, _) = github();
    let server = start(&stage, &github, "--request-timeout 300ms");
    let signed = Webhooks::request("push", "a-1", "{}");
    for sent in [1, 20, signed.len() - 1] {
        let mut stream = server.connect();
        stream.write_all(&signed[..sent]).unwrap();
        assert_eq!(Said::on(stream).status, 408, "after {sent} bytes");
    }
    // One that always has a byte more has no more time than the others.
    let mut stream = server.connect();
    stream.write_all(b"GET / HTTP/1.1\r\na: ").unwrap();
    let mut reader = stream.try_clone().unwrap();
    let cut_off = std::thread::spawn(move || {
        let mut bytes = String::new();
        std::io::Read::read_to_string(&mut reader, &mut bytes).ok();
        bytes
    });
    eventually("the trickle is cut off", || {
        stream.write_all(b"b").ok();
        cut_off.is_finished()
    });
    let said = cut_off.join().unwrap();
    assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
    assert!(github.asked().is_empty());
}

#[test]
fn one_that_hangs_up_gets_nothing_and_disturbs_nobody() {
    let stage = stage();
    let (github, _) = github();
    let server = start(&stage, &github, "");
    let signed = Webhooks::request("push", "a-1", "{}");
    for sent in [0, 1, signed.len() - 1] {
        let mut stream = server.connect();
        stream.write_all(&signed[..sent]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(Said::on(stream).status, 0, "after {sent} bytes");
    }
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn one_connection_more_than_there_may_be_is_turned_away() {
    let stage = stage();
    let (github, _) = github();
    let server = start(&stage, &github, "--connections 2 --request-timeout 60s");
    let held = [server.connect(), server.connect()];
    assert_eq!(server.get("/healthz").status, 503);
    drop(held);
    eventually("there is room again", || server.get("/healthz").status == 200);
}

#[test]
fn a_state_that_cannot_be_read_is_not_healthy() {
    let stage = stage();
    let (github, _) = github();
    let server = start(&stage, &github, "");
    assert_eq!(server.get("/healthz").status, 200);
    stage.dir.write("state/release.json", "{");
    let said = server.get("/healthz");
    assert_eq!((said.status, &said.json()["status"]), (503, &"broken".into()));
}

#[test]
fn the_metrics_have_a_type_and_a_help_each_and_nothing_twice() {
    let stage = stage();
    let (github, _) = github();
    let server = start(&stage, &github, "");
    assert_eq!(server.get("/elsewhere").status, 404);
    let said = server.get("/metrics");
    assert!(said.head.contains("content-type: text/plain; version=0.0.4"), "{said:?}");
    let mut seen = std::collections::BTreeSet::new();
    let mut name = String::new();
    for line in said.text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["#", "HELP", of, _, ..] => of.clone_into(&mut name),
            ["#", "TYPE", of, "counter" | "gauge"] => assert_eq!(of, name),
            [sample, value] => {
                assert!(value.parse::<f64>().is_ok(), "{line}");
                let of = sample.split('{').next().unwrap();
                assert!(of == name && of.starts_with("govctl_"), "{line}");
            }
            _ => panic!("{line}"),
        }
        assert!(seen.insert(words[..words.len().min(3)].join(" ")), "{line} is there twice");
    }
    assert!(said.text.contains("govctl_http_requests_total{code=\"404\"} 1\n"), "{said:?}");
    assert!(said.text.ends_with('\n'));
}
