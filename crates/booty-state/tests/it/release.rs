//! The release state as a plain value: transitions by hand, and at random against a model.

use std::{collections::HashSet, time::Duration};

use booty_state::{Deploy, DeployResult, Moment, ReleaseState, Sha};
use proptest::prelude::*;
use state_store::Schema;

use crate::{at, sha};

use DeployResult::{Failure, Pending, Success};

const START: &str = "2026-11-20T12:00:00Z";

/// A deploy as a test compares it.
type Row = (Sha, Moment, DeployResult);

fn row(deploy: &Deploy) -> Row {
    (deploy.sha.clone(), deploy.time_iso8601, deploy.result.clone())
}

fn is_row(deploy: &Deploy, (sha, time, result): &Row) -> bool {
    deploy.sha == *sha && deploy.time_iso8601 == *time && deploy.result == *result
}

fn minute(minutes: u64) -> Moment {
    at(START).later_by(Duration::from_secs(minutes * 60))
}

fn other(word: &str) -> DeployResult {
    DeployResult::Other(word.to_owned())
}

#[test]
fn success_moves_what_was_live_to_previous() {
    let mut state = ReleaseState::default();
    let live = |state: &ReleaseState| {
        let short = |sha: &Option<Sha>| {
            sha.as_ref().map_or('-', |sha| sha.as_str().chars().next().unwrap())
        };
        [short(&state.production_sha_current), short(&state.production_sha_previous)]
    };
    for (commit, result, expected) in [
        ('a', Failure, ['-', '-']),
        ('a', Success, ['a', '-']),
        ('a', Success, ['a', '-']),
        ('b', Pending, ['a', '-']),
        ('b', other("cancelled"), ['a', '-']),
        ('b', Success, ['b', 'a']),
        ('b', Success, ['b', 'a']),
        ('b', Failure, ['b', 'a']),
        ('a', Success, ['a', 'b']),
        ('c', Success, ['c', 'a']),
    ] {
        state.finished(&sha(commit), result.clone(), minute(0));
        assert_eq!(live(&state), expected, "{commit} {result}");
    }
    assert!(state.is_live(&sha('c')) && !state.is_live(&sha('a')));
}

#[test]
fn an_outcome_settles_the_open_deploy_and_is_the_newest_then() {
    let mut state = ReleaseState::default();
    state.attempt_started(&sha('a'), minute(0));
    state.attempt_started(&sha('b'), minute(1));
    assert_eq!(state.unknown(), [&sha('a'), &sha('b')]);
    assert_eq!(state.outcome_of(&sha('a')), None);
    state.finished(&sha('a'), Failure, minute(2));
    let rows: Vec<Row> = state.deploy_history.iter().map(row).collect();
    assert_eq!(rows, [(sha('b'), minute(1), Pending), (sha('a'), minute(2), Failure)]);
    assert_eq!(state.last_deploy_attempt_sha, Some(sha('a')));
    assert_eq!(
        (state.last_deploy_time, state.last_deploy_result.clone()),
        (Some(minute(2)), Failure)
    );
    assert_eq!(state.outcome_of(&sha('a')), Some(&Failure));
    // Observed elsewhere: nothing was open, so it is added.
    state.finished(&sha('a'), Success, minute(3));
    assert_eq!(state.deploy_history.len(), 3);
    assert_eq!(state.outcome_of(&sha('a')), Some(&Success));
    assert_eq!(state.unknown(), [&sha('b')]);
}

#[test]
fn the_last_attempt_counts_where_the_history_lacks_it() {
    let unlisted = |result| ReleaseState {
        last_deploy_attempt_sha: Some(sha('a')),
        last_deploy_time: Some(minute(0)),
        last_deploy_result: result,
        ..ReleaseState::default()
    };
    let (open, failed) = (unlisted(Pending), unlisted(Failure));
    assert_eq!(open.unknown(), [&sha('a')]);
    assert_eq!((open.outcome_of(&sha('a')), open.outcome_of(&sha('b'))), (None, None));
    assert_eq!(open.newest_result_of(&sha('a')), Some(&Pending));
    assert_eq!(failed.unknown(), Vec::<&Sha>::new());
    assert_eq!(failed.outcome_of(&sha('a')), Some(&Failure));
    for before in [open, failed] {
        let mut state = before.clone();
        state.attempt_started(&sha('b'), minute(1));
        assert_eq!(state.newest_result_of(&sha('a')), Some(&before.last_deploy_result));
        assert!(state.abandon(&sha('b')));
        assert_eq!(state.last_deploy_attempt_sha, Some(sha('a')));
        // Also where it is the same commit that is started, and taken back.
        let mut again = before.clone();
        again.attempt_started(&sha('a'), minute(1));
        assert_eq!(again.unknown(), [&sha('a')]);
        assert!(again.abandon(&sha('a')));
        assert!(again.outcome_of(&sha('a')).is_some(), "{:?} is forgotten", before);
        state.finished(&sha('a'), Success, minute(2));
        assert_eq!(state.unknown(), Vec::<&Sha>::new());
        assert_eq!(state.outcome_of(&sha('a')), Some(&Success));
    }
}

#[test]
fn a_second_start_leaves_one_open_deploy_and_both_count() {
    let mut state = ReleaseState::default();
    state.attempt_started(&sha('a'), minute(0));
    state.attempt_started(&sha('a'), minute(1));
    assert_eq!(state.unknown(), [&sha('a')]);
    assert_eq!(state.outcome_of(&sha('a')), Some(&other("unknown")));
    state.finished(&sha('a'), Success, minute(2));
    assert_eq!(state.deploys_since(minute(0)), 2);
    assert_eq!(state.unknown(), Vec::<&Sha>::new());
}

#[test]
fn an_abandoned_attempt_leaves_no_trace() {
    let mut before = ReleaseState::default();
    assert!(!before.abandon(&sha('a')));
    assert_eq!(before, ReleaseState::default());
    for round in 0..3 {
        let mut state = before.clone();
        state.attempt_started(&sha('a'), minute(30 + round));
        assert!(state.abandon(&sha('a')));
        assert_eq!(state, before, "after {round} deploys");
        assert!(!state.abandon(&sha('a')), "a settled deploy was taken away");
        assert_eq!(state, before);
        before.finished(&sha('a'), if round == 1 { Success } else { Failure }, minute(round));
    }
}

#[test]
fn abandoning_leaves_alone_what_came_after() {
    let mut state = ReleaseState::default();
    state.attempt_started(&sha('a'), minute(0));
    state.finished(&sha('b'), Failure, minute(1));
    assert!(state.abandon(&sha('a')));
    assert_eq!(state.last_deploy_attempt_sha, Some(sha('b')));
    assert_eq!((state.last_deploy_time, state.last_deploy_result), (Some(minute(1)), Failure));
}

/// Two of the old program at once: the last fields are about one deploy, the history ends
/// with another.
#[test]
fn abandoning_leaves_alone_what_the_last_fields_say_of_another_commit() {
    let mut state = ReleaseState::default();
    state.attempt_started(&sha('a'), minute(0));
    state.last_deploy_attempt_sha = Some(sha('b'));
    assert!(state.abandon(&sha('a')));
    assert_eq!(state.last_deploy_attempt_sha, Some(sha('b')));
    assert_eq!(state.last_deploy_time, Some(minute(0)));
}

#[test]
fn the_history_keeps_the_open_ones_the_last_hour_and_a_hundred_more() {
    let mut state = ReleaseState::default();
    state.attempt_started(&sha('a'), minute(0));
    for count in 1..=300 {
        state.finished(&sha('b'), Failure, minute(count));
    }
    // 61 of them are not older than an hour: both ends count.
    assert_eq!(state.deploy_history.len(), 1 + 100 + 61);
    assert_eq!(state.unknown(), [&sha('a')]);
    assert_eq!(state.deploys_since(minute(240)), 61);
    // A burst is counted to the last, whatever the rate limit.
    for _ in 0..500 {
        state.finished(&sha('c'), Failure, minute(360));
    }
    assert_eq!(state.deploys_since(minute(300)), 501);
    // The clock went back by a day: what is in the future still counts.
    let yesterday = minute(360).earlier_by(Duration::from_secs(86_400));
    state.finished(&sha('d'), Failure, yesterday);
    assert_eq!(state.deploys_since(yesterday), 500 + 1 + 100 + 1 + 1);
}

#[test]
fn results_are_words_and_unheard_ones_are_kept() {
    for (word, expected) in [
        ("success", Success),
        ("failure", Failure),
        ("pending", Pending),
        ("timed_out", other("timed_out")),
        ("Success", other("Success")),
    ] {
        assert_eq!(word.parse::<DeployResult>().unwrap(), expected);
        let json = serde_json::to_value(&expected).unwrap();
        assert_eq!(json, word);
        assert_eq!(serde_json::from_value::<DeployResult>(json).unwrap(), expected);
        assert_eq!(expected.is_settled(), word != "pending");
    }
    for word in ["", "two words", "a\n", &"x".repeat(65)] {
        assert!(word.parse::<DeployResult>().is_err(), "{word:?} was accepted");
    }
    // As a file of the old program may have them, they are words like any other.
    for word in ["queued", "in_progress", "IN_PROGRESS", "requested", "waiting", "completed"] {
        assert!(word.parse::<DeployResult>().is_err(), "{word:?} was accepted");
        assert_eq!(DeployResult::from(word.to_owned()), other(word));
    }
    assert_eq!(serde_json::from_str::<DeployResult>("\"\"").unwrap(), other(""));
}

#[derive(Debug, Clone)]
enum Event {
    Started(char),
    Finished(char, DeployResult),
    HealthChecked,
    Abandoned(char),
}

fn event() -> impl Strategy<Value = Event> {
    let commit = prop::sample::select(vec!['a', 'a', 'a', 'b', 'b', 'c', 'd', 'e']);
    let result = prop::sample::select(vec![Success, Success, Failure, Pending, other("cancelled")]);
    prop_oneof![
        4 => commit.clone().prop_map(Event::Started),
        6 => (commit.clone(), result).prop_map(|(commit, result)| Event::Finished(commit, result)),
        1 => Just(Event::HealthChecked),
        1 => commit.prop_map(Event::Abandoned),
    ]
}

/// Mostly a little later, sometimes hours back or ahead.
fn step() -> impl Strategy<Value = i64> {
    prop_oneof![8 => 0..600_i64, 1 => -7_200..0_i64, 1 => 3_600..90_000_i64]
}

/// The same state, kept in the simplest way: everything that ever happened, in a list.
#[derive(Debug, Default)]
struct Model {
    live: Vec<Sha>,
    all: Vec<Row>,
    health_checked: Option<Moment>,
}

impl Model {
    fn is_open(&self, index: usize) -> bool {
        let (sha, _, result) = &self.all[index];
        *result == Pending && !self.all[index + 1..].iter().any(|later| later.0 == *sha)
    }

    fn open(&self, sha: &Sha) -> Option<usize> {
        (0..self.all.len()).find(|index| self.all[*index].0 == *sha && self.is_open(*index))
    }

    fn apply(&mut self, event: &Event, now: Moment) {
        match event {
            Event::Started(commit) => {
                if let Some(open) = self.open(&sha(*commit)) {
                    self.all[open].2 = other("unknown");
                }
                self.all.push((sha(*commit), now, Pending));
            }
            Event::Finished(commit, result) => {
                if let Some(open) = self.open(&sha(*commit)) {
                    self.all.remove(open);
                }
                self.all.push((sha(*commit), now, result.clone()));
                if *result == Success && self.live.last() != Some(&sha(*commit)) {
                    self.live.push(sha(*commit));
                }
            }
            Event::HealthChecked => self.health_checked = Some(now),
            Event::Abandoned(commit) => {
                if let Some(open) = self.open(&sha(*commit)) {
                    self.all.remove(open);
                }
            }
        }
    }
}

fn apply(state: &mut ReleaseState, event: &Event, now: Moment) {
    match event {
        Event::Started(commit) => state.attempt_started(&sha(*commit), now),
        Event::Finished(commit, result) => state.finished(&sha(*commit), result.clone(), now),
        Event::HealthChecked => state.health_checked(now),
        Event::Abandoned(commit) => {
            state.abandon(&sha(*commit));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_sequence_of_transitions_keeps_every_promise(
        events in prop::collection::vec((event(), step()), 0..260)
    ) {
        let (mut state, mut model) = (ReleaseState::default(), Model::default());
        let mut now = at("2026-11-20T12:00:00Z");
        let mut latest = now;
        for (event, seconds) in events {
            let by = Duration::from_secs(seconds.unsigned_abs());
            now = if seconds < 0 { now.earlier_by(by) } else { now.later_by(by) };
            latest = latest.max(now);
            apply(&mut state, &event, now);
            model.apply(&event, now);
            prop_assert_eq!(state.check(), Ok(()));

            // What is live, and what to go back to.
            let mut live = model.live.iter().rev();
            prop_assert_eq!(state.production_sha_current.as_ref(), live.next());
            prop_assert_eq!(state.production_sha_previous.as_ref(), live.next());
            let two_of_one = state.production_sha_current.is_some()
                && state.production_sha_current == state.production_sha_previous;
            prop_assert!(!two_of_one);
            prop_assert_eq!(state.last_health_check, model.health_checked);

            // The last fields say what the last entry says.
            let last = state.deploy_history.last();
            prop_assert_eq!(last.map(row), model.all.last().cloned());
            prop_assert_eq!(&state.last_deploy_attempt_sha, &last.map(|deploy| deploy.sha.clone()));
            prop_assert_eq!(state.last_deploy_time, last.map(|deploy| deploy.time_iso8601));
            let result = last.map_or(Pending, |deploy| deploy.result.clone());
            prop_assert_eq!(&state.last_deploy_result, &result);

            // The history is what happened, in order, without what nothing needs.
            let hour_ago = latest.earlier_by(Duration::from_secs(3_600));
            let mut history = state.deploy_history.iter().peekable();
            for (index, happened) in model.all.iter().enumerate() {
                if history.next_if(|deploy| is_row(deploy, happened)).is_none() {
                    prop_assert!(!model.is_open(index), "an open deploy left: {:?}", happened);
                    prop_assert!(happened.1 < hour_ago, "one of the last hour left: {:?}", happened);
                    prop_assert!(model.all.len() - index > 100, "it left too early: {:?}", happened);
                }
            }
            prop_assert_eq!(history.next(), None, "it did not happen");
            if matches!(event, Event::Started(_) | Event::Finished(..)) {
                let hour_ago = now.earlier_by(Duration::from_secs(3_600));
                let open = state.unknown();
                let others = state.deploy_history.iter().filter(|deploy| {
                    deploy.time_iso8601 < hour_ago && !open.contains(&&deploy.sha)
                });
                prop_assert!(others.count() <= 100, "the history grew without bound");
            }

            // What is asked of it.
            let unknown: Vec<&Sha> = (0..model.all.len())
                .filter(|index| model.is_open(*index)).map(|index| &model.all[index].0).collect();
            prop_assert_eq!(state.unknown(), unknown);
            let mut pending = HashSet::new();
            for deploy in state.deploy_history.iter().filter(|deploy| deploy.result == Pending) {
                prop_assert!(pending.insert(&deploy.sha), "two open deploys of one commit");
            }
            let recent = model.all.iter().filter(|happened| happened.1 >= hour_ago).count();
            prop_assert_eq!(state.deploys_since(hour_ago), recent);
            for commit in ['a', 'b', 'c', 'd', 'e'].map(sha) {
                let mut settled = state.deploy_history.iter().filter(|deploy| deploy.result != Pending);
                let outcome = settled.rfind(|deploy| deploy.sha == commit).map(|deploy| &deploy.result);
                prop_assert_eq!(state.outcome_of(&commit), outcome);
            }
        }
        let text = serde_json::to_string(&state).unwrap();
        prop_assert_eq!(serde_json::from_str::<ReleaseState>(&text).unwrap(), state);
    }
}

#[test]
fn what_a_health_check_found_is_about_the_commit_that_was_live() {
    let mut state = ReleaseState::default();
    let now = at("2026-11-20T18:53:00Z");
    state.finished(&sha('a'), Success, now);
    state.health_found(false, now);
    assert_eq!((state.production_healthy, state.last_health_check), (Some(false), Some(now)));
    // A failure, and a success of what is live already, leave what runs as it is.
    state.finished(&sha('b'), Failure, now);
    state.finished(&sha('a'), Success, now);
    assert_eq!(state.production_healthy, Some(false));
    state.finished(&sha('b'), Success, now);
    assert_eq!((state.production_healthy, state.last_health_check), (None, Some(now)));
}
