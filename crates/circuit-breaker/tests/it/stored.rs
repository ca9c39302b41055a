//! A breaker and its document: what is written, what is kept, what a bad document does.

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use circuit_breaker::{
    CircuitBreaker, CircuitState, Clock, Event, ManualClock, Recovery, Settings, SettingsError,
    Stored,
};
use flock_guard::{LockFile, Wait};
use serde_json::{Value, json};
use state_store::{Key, Store};
use tempfile::TempDir;
use tracing::Level;

use crate::events::Kept;
use crate::{at, opens_after, secs};

/// A directory for one document, and the one clock of all its breakers.
pub(crate) struct Place {
    root: TempDir,
    pub(crate) clock: ManualClock,
}

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self { root: tempfile::tempdir().unwrap(), clock: ManualClock::new(at(0)) };
        place.make_directory();
        place
    }

    /// A regular file is where the directory should be, so that nothing can be written.
    pub(crate) fn without_directory() -> Self {
        let place = Self { root: tempfile::tempdir().unwrap(), clock: ManualClock::new(at(0)) };
        fs::File::create_new(place.dir()).unwrap();
        place
    }

    pub(crate) fn make_directory(&self) {
        fs::remove_file(self.dir()).ok();
        fs::create_dir(self.dir()).unwrap();
    }

    pub(crate) fn stored(&self) -> Stored {
        let stored = Stored::new(&Store::files(self.dir()), Key::fixed("breaker.json"));
        stored.save_wait(Wait::UpTo(Duration::from_millis(5)))
    }

    pub(crate) fn breaker(&self, settings: Settings) -> CircuitBreaker {
        let builder = CircuitBreaker::builder().settings(settings).clock(self.clock.clone());
        builder.stored(self.stored()).build().unwrap()
    }

    /// Lets the time pass after which a breaker looks at its document again.
    pub(crate) fn until_the_next_look(&self) {
        self.clock.advance(Duration::from_millis(50));
    }

    pub(crate) fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    pub(crate) fn document(&self) -> Value {
        serde_json::from_str(&self.text()).unwrap()
    }

    /// Puts a document in place as another program would.
    #[expect(clippy::disallowed_methods, reason = "a plain file for a breaker to find")]
    pub(crate) fn given(&self, contents: &str) {
        fs::write(self.path(), contents).unwrap();
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The contents of all that was set aside.
    pub(crate) fn aside(&self) -> Vec<String> {
        let names = self.names().into_iter();
        let names = names.filter(|name| name.contains("damaged") && !name.ends_with("lock"));
        names.map(|name| fs::read_to_string(self.dir().join(name)).unwrap()).collect()
    }

    /// Does `work` while somebody else has the lock.
    pub(crate) fn while_locked(&self, work: impl FnOnce()) {
        let (taken, is_taken) = mpsc::channel();
        let (done, is_done) = mpsc::channel::<()>();
        thread::scope(|scope| {
            scope.spawn(move || {
                let guard = LockFile::beside(&self.path()).exclusive(Wait::Never).unwrap();
                taken.send(()).unwrap();
                // Also if `work` panics: then there is nobody to send.
                is_done.recv().ok();
                guard.release();
            });
            is_taken.recv().unwrap();
            work();
            drop(done);
        });
        // Whoever gave up waiting is still in the kernel's queue, and lets go when its turn comes.
        // That instant is over when the one behind them has the lock.
        LockFile::beside(&self.path()).exclusive(Wait::UpTo(secs(20))).unwrap().release();
    }

    /// What `work` returns, and the warnings that it causes.
    pub(crate) fn warnings<R>(&self, work: impl FnOnce() -> R) -> (R, Vec<String>) {
        let kept = Kept::default();
        let result = tracing::subscriber::with_default(kept.clone(), work);
        (result, kept.at(Level::WARN))
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join("state")
    }

    fn path(&self) -> PathBuf {
        self.dir().join("breaker.json")
    }
}

/// A document of the old program.
const HALF_OPEN: &str =
    r#"{"state": "half_open", "failure_count": 0, "success_count": 0, "opened_at": 1.0}"#;

fn fail(breaker: &CircuitBreaker, times: u32) {
    for _ in 0..times {
        breaker.record_failure();
    }
}

#[test]
fn what_cannot_be_written_is_merged_later_and_counts_here_at_once() {
    let place = Place::new();
    let (here, there) = (place.breaker(opens_after(6)), place.breaker(opens_after(6)));
    place.while_locked(|| fail(&here, 2));
    assert_eq!(here.machine().failures(), 2);
    fail(&there, 3);
    assert_eq!(place.document()["failure_count"], json!(3));
    // No call has failed since; looking is chance enough.
    place.until_the_next_look();
    assert_eq!(here.machine().failures(), 5);
    assert_eq!(place.document()["failure_count"], json!(5));
    fail(&here, 1);
    assert_eq!(place.document()["state"], json!("open"));
}

#[test]
fn what_could_not_be_written_is_written_at_the_end() {
    let place = Place::new();
    let breaker = place.breaker(opens_after(5));
    place.while_locked(|| fail(&breaker, 2));
    drop(breaker);
    assert_eq!(place.document()["failure_count"], json!(2));
}

#[test]
fn nothing_is_counted_twice_however_often_writing_fails() {
    let place = Place::new();
    let breaker = place.breaker(opens_after(50));
    for _ in 0..3 {
        place.while_locked(|| {
            fail(&breaker, 2);
            place.until_the_next_look();
            assert_eq!(breaker.state(), CircuitState::Closed);
        });
        fail(&breaker, 1);
    }
    assert_eq!(place.document()["failure_count"], json!(9));
    assert_eq!(breaker.machine().failures(), 9);
}

#[test]
fn a_busy_lock_holds_a_call_up_for_the_time_that_was_set() {
    let place = Place::new();
    let breaker = place.breaker(opens_after(5));
    place.while_locked(|| {
        let began = Instant::now();
        fail(&breaker, 1);
        // It was set to 5 ms; without a limit it would be for ever.
        assert!(began.elapsed() < secs(5), "{:?}", began.elapsed());
    });
}

#[test]
fn a_closed_breaker_looks_at_its_document_only_when_it_is_time() {
    let place = Place::new();
    let (here, there) = (place.breaker(opens_after(1)), place.breaker(opens_after(1)));
    fail(&there, 1);
    place.clock.advance(Duration::from_millis(49));
    assert!(here.try_acquire().is_ok(), "it has not looked yet");
    place.clock.advance(Duration::from_millis(1));
    assert!(here.try_acquire().is_err(), "it looks");
}

#[test]
fn how_often_to_look_is_a_setting() {
    let place = Place::new();
    let builder = CircuitBreaker::builder().settings(opens_after(1)).clock(place.clock.clone());
    let here = builder.stored(place.stored().look_every(secs(1))).build().unwrap();
    fail(&place.breaker(opens_after(1)), 1);
    place.clock.advance(Duration::from_millis(999));
    assert_eq!(here.state(), CircuitState::Closed);
    place.clock.advance(Duration::from_millis(1));
    assert_eq!(here.state(), CircuitState::Open);
}

#[test]
fn an_interval_that_makes_no_sense_is_refused() {
    let place = Place::new();
    let build = |stored| CircuitBreaker::builder().stored(stored).build().err();
    let named = |stored| match build(stored) {
        Some(SettingsError::OutOfRange { setting, .. }) => setting,
        other => panic!("{other:?}"),
    };
    assert_eq!(named(place.stored().look_every(Duration::ZERO)), "look_every");
    assert_eq!(named(place.stored().save_wait(Wait::UpTo(secs(u64::MAX)))), "save_wait");
    assert_eq!(named(place.stored().save_wait(Wait::Forever)), "save_wait");
    assert_eq!(build(place.stored().save_wait(Wait::Never)), None);
}

#[test]
fn without_a_place_to_write_it_is_a_breaker_in_memory_that_remembers_later() {
    let place = Place::without_directory();
    let ((breaker, refused), warnings) = place.warnings(|| {
        let breaker = place.breaker(opens_after(2));
        fail(&breaker, 2);
        let refused = breaker.try_acquire().is_err();
        place.clock.advance(secs(60));
        // The trial is this process's own, or it would be shut for ever.
        breaker.try_acquire().unwrap().failure();
        (breaker, refused)
    });
    assert!(refused);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    place.make_directory();
    place.until_the_next_look();
    assert_eq!(breaker.state(), CircuitState::Open);
    let document = place.document();
    assert_eq!((&document["state"], &document["openings"]), (&json!("open"), &json!(2)));
}

#[test]
fn a_document_that_turns_bad_closes_and_keeps_counting() {
    let place = Place::new();
    let breaker = place.breaker(opens_after(2));
    fail(&breaker, 2);
    place.given("garbage");
    let (_, warnings) = place.warnings(|| {
        for _ in 0..3 {
            place.until_the_next_look();
            assert_eq!(breaker.state(), CircuitState::Closed);
        }
    });
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    // Calls may begin before a look and end after it.
    let permit = breaker.try_acquire().unwrap();
    place.until_the_next_look();
    assert_eq!(breaker.state(), CircuitState::Closed);
    permit.failure();
    assert_eq!(place.document()["failure_count"], json!(1));
    assert_eq!(place.aside(), ["garbage"]);
}

#[test]
fn keys_of_other_programs_stay() {
    let place = Place::new();
    place.given(
        r#"{"theirs": [1], "state": "closed", "failure_count": 1, "success_count": 0, "opened_at": null}"#,
    );
    fail(&place.breaker(opens_after(5)), 1);
    let document = place.document();
    assert_eq!((&document["theirs"], &document["failure_count"]), (&json!([1]), &json!(2)));
}

#[test]
fn a_ticket_from_before_the_old_program_wrote_decides_about_nothing() {
    for resets in [0, 1, 3] {
        let place = Place::new();
        let breaker = place.breaker(opens_after(5));
        let late = breaker.try_acquire().unwrap();
        (0..resets).for_each(|_| breaker.reset());
        // It knows no generations, so its document begins at 0, as ours did.
        place.given(HALF_OPEN);
        place.until_the_next_look();
        assert_eq!(breaker.state(), CircuitState::HalfOpen, "{resets} resets");
        late.success();
        assert_eq!(breaker.state(), CircuitState::HalfOpen, "{resets} resets");
        breaker.try_acquire().unwrap().success();
        assert_eq!(place.document()["state"], json!("closed"), "{resets} resets");
    }
}

#[test]
fn the_old_program_can_read_what_is_written() {
    let place = Place::new();
    let breaker = place.breaker(opens_after(2));
    for (steps, state) in [(1, "closed"), (1, "open")] {
        fail(&breaker, steps);
        let document = place.document();
        assert_eq!(document["state"], json!(state));
        assert!(document["failure_count"].is_u64() && document["success_count"].is_u64());
        assert_eq!(document["opened_at"].is_f64(), state == "open", "{document}");
    }
}

#[test]
fn a_call_that_says_nothing_new_writes_nothing() {
    let place = Place::new();
    let breaker = place.breaker(opens_after(5));
    fail(&breaker, 1);
    let before = place.text();
    place.given(&format!("{before} ")); // Would be found damaged, and set aside, by a write.
    drop(breaker.try_acquire().unwrap());
    breaker.try_acquire().unwrap().give_back();
    assert_eq!(place.text(), format!("{before} "));
}

#[test]
fn a_late_answer_writes_nothing() {
    let place = Place::new();
    let breaker = place.breaker(opens_after(5));
    let late = breaker.try_acquire().unwrap();
    breaker.reset();
    // Every change makes a backup of what was there before, and the first one has nothing.
    late.failure();
    assert_eq!(place.names(), ["breaker.json", "breaker.json.lock"]);
}

#[test]
fn a_success_resets_what_others_counted_a_while_ago() {
    let place = Place::new();
    let here = place.breaker(opens_after(5));
    fail(&place.breaker(opens_after(5)), 2);
    place.until_the_next_look();
    here.record_success();
    assert_eq!(place.document()["failure_count"], json!(0));
}

#[test]
fn a_document_that_cannot_be_read_any_more_does_not_open_the_door() {
    let place = Place::new();
    let breaker = place.breaker(opens_after(1));
    fail(&breaker, 1);
    fs::remove_dir_all(place.dir()).unwrap();
    fs::File::create_new(place.dir()).unwrap();
    place.until_the_next_look();
    assert_eq!(breaker.state(), CircuitState::Open);
}

#[test]
fn trouble_with_writing_is_told_once_though_reading_goes_well() {
    let place = Place::new();
    place.given(HALF_OPEN);
    fs::create_dir(place.dir().join("breaker.json.lock")).unwrap();
    let (_, warnings) = place.warnings(|| {
        let breaker = place.breaker(opens_after(1));
        for _ in 0..3 {
            breaker.try_acquire().unwrap().detach();
            place.clock.advance(crate::LONG);
        }
    });
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

#[test]
fn by_itself_it_reports_what_a_breaker_would_keep_to_itself() {
    let place = Place::new();
    let (stored, settings, now) = (place.stored(), opens_after(2), place.clock.now());
    let failed = |machine: &mut circuit_breaker::Machine| {
        machine.apply(&Event::Failure(machine.ticket()), now, 0.0, &opens_after(2));
        machine.failures()
    };
    assert_eq!(stored.update(&settings, now, failed).unwrap(), 1);
    place.while_locked(|| assert!(stored.update(&settings, now, failed).is_err()));
    assert_eq!(stored.load(&settings, now).unwrap().failures(), 1);
    place.while_locked(|| {
        let asked = stored.update(&settings, now, |machine| machine.ask("me", now, &settings));
        assert!(asked.unwrap().ticket.is_ok(), "what changes nothing needs no lock");
    });
    assert!(Place::without_directory().stored().load(&settings, now).is_err());
    place.given("garbage");
    let (machine, warnings) = place.warnings(|| stored.load(&settings, now).unwrap());
    assert_eq!((machine.failures(), warnings.len()), (0, 1));
}

#[test]
fn the_wait_of_another_process_is_kept_up_to_what_is_allowed_here() {
    let place = Place::new();
    let rules = |recovery| opens_after(1).recovery(recovery);
    fail(&place.breaker(rules(Recovery::Fixed(secs(30)))), 1);
    let refused = place.breaker(rules(Recovery::Fixed(secs(600)))).try_acquire().err();
    assert_eq!(refused.map(|refused| refused.retry_at), Some(at(30)));
}
