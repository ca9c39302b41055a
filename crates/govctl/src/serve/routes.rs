//! Which request means what, and who may ask for it.

use std::net::TcpStream;

use circuit_breaker::CircuitState;
use serde_json::json;

use super::{
    answer::Answer,
    connection::{Connection, Head, NoRequest},
    metrics::{Counter, Now},
    queue::{Admitted, End, Next},
    server::Server,
    spool::{EventName, Id},
};
use crate::{
    breaker::Breaker,
    commands::event,
    exit::{CliError, Kind},
    github::signature::Signature,
};

impl Server<'_> {
    /// Reads one request, answers it and ends the connection.
    pub(super) fn answer(&self, stream: &TcpStream) {
        let mut connection = Connection::new(stream, self.limits.request);
        let (mut to_head, head) = (false, connection.head());
        let answer = head.and_then(|head| {
            to_head = head.method == "HEAD";
            self.route(&head, &mut connection)
        });
        let answer = match answer {
            Err(NoRequest::Gone) => return,
            Ok(answer) | Err(NoRequest::Refused(answer)) => answer,
        };
        self.metrics.count(Counter::Requests, &answer.status.to_string());
        answer.send(stream, to_head);
    }

    fn route(&self, head: &Head, connection: &mut Connection<'_>) -> Result<Answer, NoRequest> {
        match (head.method.as_str(), head.path.as_str()) {
            ("POST", "/" | "/webhook") => self.delivery(head, connection),
            ("GET", "/healthz") => Ok(self.health()),
            ("GET", "/metrics") => Ok(self.metrics()),
            (_, "/" | "/webhook") => Ok(Answer::only("allow: POST\r\n")),
            (_, "/healthz" | "/metrics") => Ok(Answer::only("allow: GET\r\n")),
            _ => Ok(Answer::refusal(404, "there is nothing at this path")),
        }
    }

    fn delivery(&self, head: &Head, connection: &mut Connection<'_>) -> Result<Answer, NoRequest> {
        let refused = |status, why| NoRequest::Refused(Answer::refusal(status, why));
        let unsigned = || refused(401, "the signature is missing or wrong");
        let signature = head.header("x-hub-signature-256").and_then(Signature::read);
        let signature = signature.ok_or_else(unsigned)?;
        let length = head.length().map_err(NoRequest::Refused)?;
        if length as u64 > event::LIMIT_BYTES {
            return Err(refused(413, "the body is longer than any of GitHub"));
        }
        let body = connection.body(head, length, &self.memory)?;
        if !signature.is_of(&body.bytes, self.secret) {
            return Err(unsigned());
        }
        let name = head.header("x-github-event").and_then(EventName::read);
        let name = name.ok_or_else(|| refused(400, "X-GitHub-Event names no event"))?;
        let id = head.header("x-github-delivery").and_then(Id::read);
        let id = id.ok_or_else(|| refused(400, "X-GitHub-Delivery is no id of a delivery"))?;
        match self.queue.admit(&id) {
            Admitted::Full => {
                return Err(refused(503, "too many deliveries wait for their turn"));
            }
            Admitted::Known => {}
            Admitted::New => match self.spool.keep(&id, &name, &body.bytes) {
                Ok(()) => self.queue.enqueue(&id),
                Err(error) => {
                    let error = CliError::from_error(Kind::Broken, &error);
                    let cause = error.causes.join(": ");
                    tracing::error!(delivery = id.as_str(), %error, cause, "cannot keep a delivery");
                    let (outcome, next) = ("failed".to_owned(), Next::Forget);
                    self.queue.refuse(&id, End { status: 500, outcome, deploy: None, next });
                }
            },
        }
        drop(body); // It is on disk, or refused: others may need the memory.
        let forget = || self.spool.forget(&id);
        Ok(told(&id, self.queue.wait(&id, self.limits.answer, || connection.is_open(), forget)))
    }

    /// Well is who can read what was deployed.
    fn health(&self) -> Answer {
        match self.context.releases(self.project).load() {
            Ok(_) => Answer::json(200, "ok", &json!({})),
            Err(error) => {
                tracing::error!(%error, "the state cannot be read");
                Answer::json(503, "broken", &json!({ "error": "the state cannot be read" }))
            }
        }
    }

    fn metrics(&self) -> Answer {
        let (waiting, running) = self.queue.counts();
        let now = self.context.now();
        let breaker = Breaker::of_deploys(self.context, self.project.environment());
        let state = breaker.and_then(|breaker| breaker.load(now)).map(|machine| machine.state(now));
        let breaker = state.ok().map(|state| match state {
            CircuitState::Closed => "closed",
            CircuitState::Open => "open",
            _ => "half_open",
        });
        let connections = self.connections();
        Answer::metrics(self.metrics.text(Now { waiting, running, connections, breaker }))
    }
}

fn told(id: &Id, end: Option<End>) -> Answer {
    let id = id.as_str();
    match end {
        None => Answer::json(202, "accepted", &json!({ "delivery_id": id })),
        Some(End { status, outcome, deploy, .. }) => {
            let word = if status == 200 { "handled" } else { "failed" };
            let more = json!({ "delivery_id": id, "outcome": outcome, "deploy": deploy });
            Answer::json(status, word, &more)
        }
    }
}
