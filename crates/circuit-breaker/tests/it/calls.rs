//! Closures and futures.

use std::future::{self, Future};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use circuit_breaker::{CallError, CircuitBreaker, CircuitState, Refused, Verdict};

use crate::{at, breaker, half_open, opens_after};

/// Runs a future that never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn a_call_returns_what_it_returns() {
    let (breaker, _) = breaker(opens_after(2));
    assert_eq!(breaker.call(|| Ok::<_, &str>(7)), Ok(7));
    assert_eq!(breaker.call(|| Err::<(), _>("no")), Err(CallError::Failed("no")));
    assert_eq!(now(breaker.call_async(|| async { Ok::<_, &str>(7) })), Ok(7));
    assert_eq!(breaker.machine().failures(), 0, "the last success forgets the failure");
}

#[test]
fn an_open_breaker_does_not_call() {
    let (breaker, _) = breaker(opens_after(1));
    breaker.call(|| Err::<(), _>("no")).unwrap_err();
    let refused = Err(CallError::Refused(refusal(&breaker)));
    assert_eq!(breaker.call(|| -> Result<(), &str> { panic!("called") }), refused);
    let call = || async { panic!("called") };
    let result: Result<(), CallError<&str>> = now(breaker.call_async(call));
    assert_eq!(result, refused);
}

fn refusal(breaker: &CircuitBreaker) -> Refused {
    let refused = breaker.try_acquire().unwrap_err();
    assert_eq!((refused.state, refused.retry_at), (CircuitState::Open, at(60)));
    assert_eq!(refused.to_string(), "the circuit is open");
    refused
}

#[test]
fn a_panic_in_a_call_is_a_failure() {
    let (breaker, _) = breaker(opens_after(2));
    let unwind = || -> Result<(), &str> { resume_unwind(Box::new("a test")) };
    catch_unwind(AssertUnwindSafe(|| breaker.call(unwind))).unwrap_err();
    assert_eq!(breaker.machine().failures(), 1);
    let future = async || unwind();
    catch_unwind(AssertUnwindSafe(|| now(breaker.call_async(future)))).unwrap_err();
    assert_eq!(breaker.state(), CircuitState::Open);
}

#[test]
fn a_cancelled_future_gives_its_permit_back() {
    let (breaker, _) = half_open(opens_after(1));
    {
        let call = breaker.call_async(future::pending::<Result<(), &str>>);
        let mut call = pin!(call);
        let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        breaker.try_acquire().expect_err("the future holds the only trial");
    }
    assert_eq!(breaker.state(), CircuitState::HalfOpen);
    breaker.try_acquire().expect("the trial is free again").success();
}

#[test]
fn a_future_that_is_never_polled_takes_nothing() {
    let (breaker, _) = half_open(opens_after(1));
    let _call = breaker.call_async(future::pending::<Result<(), &str>>);
    breaker.try_acquire().expect("the trial is free").give_back();
}

#[test]
fn the_judge_says_what_an_error_means() {
    let rows = [
        (Verdict::Success, CircuitState::Closed, true),
        (Verdict::Failure, CircuitState::Open, false),
        (Verdict::Neither, CircuitState::HalfOpen, true),
    ];
    for (verdict, expected, free) in rows {
        for asynchronous in [false, true] {
            let (breaker, _) = half_open(opens_after(1));
            let result = if asynchronous {
                now(breaker.call_async_judged(|_| verdict, || async { Err::<(), _>(404) }))
            } else {
                breaker.call_judged(|_| verdict, || Err::<(), _>(404))
            };
            assert_eq!(result, Err(CallError::Failed(404)));
            assert_eq!(breaker.state(), expected, "{verdict:?}");
            assert_eq!(breaker.try_acquire().is_ok(), free, "{verdict:?}");
        }
    }
}

#[test]
fn a_breaker_and_its_futures_cross_threads() {
    fn crosses<T: Send>(_: &T) {}
    fn shared<T: Send + Sync>(_: &T) {}
    let breaker = CircuitBreaker::default();
    shared(&breaker);
    crosses(&breaker.try_acquire());
    crosses(&breaker.call_async(|| async { Ok::<_, &str>(()) }));
}
