//! Calls as closures and futures.

use crate::{CallError, CircuitBreaker, Permit};

/// What the error of a call says about what was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It works: it answered, if only with "no".
    Success,
    /// It does not work.
    Failure,
    /// Nothing. A trial is free for the next caller.
    Neither,
}

impl CircuitBreaker {
    /// Makes a call, unless the breaker refuses it. An error or a panic is a failure.
    ///
    /// # Errors
    ///
    /// - [`CallError::Refused`]: `call` was not called.
    /// - [`CallError::Failed`]: what `call` returned.
    ///
    /// # Examples
    ///
    /// ```
    /// use circuit_breaker::CircuitBreaker;
    ///
    /// let breaker = CircuitBreaker::default();
    /// let port = breaker.call(|| "8080".parse::<u16>())?;
    /// assert_eq!(port, 8080);
    /// # Ok::<(), circuit_breaker::CallError<std::num::ParseIntError>>(())
    /// ```
    #[inline]
    pub fn call<T, E>(&self, call: impl FnOnce() -> Result<T, E>) -> Result<T, CallError<E>> {
        self.call_judged(|_| Verdict::Failure, call)
    }

    /// Makes a call, unless the breaker refuses it; `judge` says what an error means.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    ///
    /// # Examples
    ///
    /// ```
    /// use circuit_breaker::{CircuitBreaker, Verdict};
    ///
    /// let breaker = CircuitBreaker::default();
    /// // "Not found" is an answer, so whoever gave it works.
    /// let judge = |status: &u16| if *status < 500 { Verdict::Success } else { Verdict::Failure };
    /// let result = breaker.call_judged(judge, || Err::<(), _>(404));
    /// assert!(result.is_err());
    /// assert_eq!(breaker.machine().failures(), 0);
    /// ```
    #[inline]
    pub fn call_judged<T, E>(
        &self,
        judge: impl FnOnce(&E) -> Verdict,
        call: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, CallError<E>> {
        let word = self.word();
        if !word.is_quiet() {
            return self.call_after_asking(judge, call);
        }
        let permit = Permit::new(self, word.ticket(), None);
        let result = call();
        answer(permit, judge, result)
    }

    /// Apart from the quiet path on purpose: a permit that may come from either is passed through
    /// memory, which makes a quiet call several times as expensive.
    #[cold]
    fn call_after_asking<T, E>(
        &self,
        judge: impl FnOnce(&E) -> Verdict,
        call: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, CallError<E>> {
        let permit = self.ask()?;
        let result = call();
        answer(permit, judge, result)
    }

    /// Makes a call that is a future, unless the breaker refuses it. An error or a panic is a
    /// failure; a future that is dropped before its end gives its permit back.
    ///
    /// Nothing happens before the first poll. Any runtime will do.
    ///
    /// # Errors
    ///
    /// - [`CallError::Refused`]: `call` was not called.
    /// - [`CallError::Failed`]: what its future returned.
    pub async fn call_async<T, E, F>(&self, call: impl FnOnce() -> F) -> Result<T, CallError<E>>
    where
        F: Future<Output = Result<T, E>>,
    {
        self.call_async_judged(|_| Verdict::Failure, call).await
    }

    /// Makes a call that is a future, unless the breaker refuses it; `judge` says what an error
    /// means.
    ///
    /// # Errors
    ///
    /// As [`call_async`](Self::call_async).
    pub async fn call_async_judged<T, E, F>(
        &self,
        judge: impl FnOnce(&E) -> Verdict,
        call: impl FnOnce() -> F,
    ) -> Result<T, CallError<E>>
    where
        F: Future<Output = Result<T, E>>,
    {
        let permit = self.try_acquire()?;
        let result = call().await;
        answer(permit, judge, result)
    }
}

#[inline]
fn answer<T, E>(
    permit: Permit<'_>,
    judge: impl FnOnce(&E) -> Verdict,
    result: Result<T, E>,
) -> Result<T, CallError<E>> {
    let verdict = result.as_ref().map_or_else(judge, |_| Verdict::Success);
    match verdict {
        Verdict::Success => permit.success(),
        Verdict::Failure => permit.failure(),
        Verdict::Neither => permit.give_back(),
    }
    result.map_err(CallError::Failed)
}
