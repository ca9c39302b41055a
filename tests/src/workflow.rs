//! A GitHub workflow, or a composite action, and a stand-in for the runner of its steps.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::{dir, govctl::search_path};

/// A workflow file, or an `action.yml`.
#[derive(Debug)]
pub struct Workflow {
    /// What it says.
    pub yaml: Value,
}

impl Workflow {
    /// Reads one.
    #[must_use]
    pub fn parse(text: &str) -> Workflow {
        Workflow { yaml: serde_saphyr::from_str(text).unwrap() }
    }

    /// Reads one from a file.
    #[must_use]
    pub fn read(path: &Path) -> Workflow {
        Workflow::parse(&fs::read_to_string(path).unwrap())
    }

    /// Its jobs, or the one list of steps of an action.
    #[must_use]
    pub fn jobs(&self) -> Vec<&Value> {
        match &self.yaml["jobs"] {
            Value::Object(jobs) => jobs.values().collect(),
            _ => vec![&self.yaml["runs"]],
        }
    }

    /// All of its steps.
    #[must_use]
    pub fn steps(&self) -> Vec<&Value> {
        self.jobs().into_iter().flat_map(|job| job["steps"].as_array().unwrap()).collect()
    }
}

/// A run of all steps of a workflow on this machine. It stands in for GitHub's runner: it fills in
/// expressions that are plain names, starts `run` with the same shell, and plays
/// `actions/checkout` with a clone.
#[derive(Debug)]
#[must_use = "a run has to be started"]
pub struct Run<'a> {
    workflow: &'a Workflow,
    names: BTreeMap<String, String>,
    variables: Vec<(OsString, OsString)>,
    origin: Option<PathBuf>,
    home: PathBuf,
}

impl Workflow {
    /// A run with `home` as the home directory and as the place of temporary files.
    pub fn run(&self, home: &Path) -> Run<'_> {
        let home = home.to_owned();
        let (names, variables) = (BTreeMap::new(), Vec::new());
        Run { workflow: self, names, variables, origin: None, home }
    }
}

impl Run<'_> {
    /// What an expression such as `inputs.sha` is. One that nobody named is empty, as it is at
    /// GitHub.
    pub fn given(mut self, name: &str, value: &str) -> Self {
        self.names.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sets a variable of the environment of every step.
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// What `actions/checkout` clones.
    pub fn origin(mut self, repository: &Path) -> Self {
        self.origin = Some(repository.to_owned());
        self
    }

    /// Runs one step after the other in `dir` until one fails. Returns what each of them left, in
    /// order: the last one may have failed.
    #[must_use]
    pub fn start(self, dir: &Path) -> Vec<Output> {
        fs::create_dir_all(dir).unwrap();
        let mut outputs: Vec<Output> = Vec::new();
        for step in self.workflow.steps() {
            if outputs.last().is_some_and(|output| !output.status.success()) {
                break;
            }
            let output = match (step["uses"].as_str(), step["run"].as_str()) {
                (Some(action), None) => self.check_out(action, &step["with"], dir),
                (None, Some(script)) => self.shell(script, step, dir),
                _ => panic!("a step that neither uses nor runs: {step:#}"),
            };
            outputs.push(output);
        }
        outputs
    }

    fn check_out(&self, action: &str, with: &Value, dir: &Path) -> Output {
        assert!(action.starts_with("actions/checkout@"), "no stand-in for {action}");
        let origin = self.origin.as_deref().expect("no origin to check out");
        let wanted = with["ref"].as_str().map_or("HEAD".to_owned(), |name| self.filled(name));
        let script =
            "git clone --quiet --no-checkout \"$0\" . && git checkout --quiet --detach \"$1\"";
        let mut command = self.command("bash", dir);
        command.args(["-ec", script]).arg(origin).arg(wanted).output().unwrap()
    }

    fn shell(&self, script: &str, step: &Value, dir: &Path) -> Output {
        assert_eq!(step["shell"], "bash", "which shell is it? {step:#}");
        let file = self.home.join("step.sh");
        dir::write(&file, &self.filled(script));
        let mut command = self.command("bash", dir);
        command.args(["--noprofile", "--norc", "-eo", "pipefail"]).arg(&file);
        for (name, value) in step["env"].as_object().into_iter().flatten() {
            command.env(name, self.filled(value.as_str().unwrap()));
        }
        command.output().unwrap()
    }

    fn command(&self, program: &str, dir: &Path) -> Command {
        let mut path = self.home.join("bin").into_os_string();
        path.push(":");
        path.push(search_path());
        let mut command = Command::new(program);
        command.current_dir(dir).env_clear().env("PATH", path).env("HOME", &self.home);
        command.env("RUNNER_TEMP", &self.home).env("GIT_CONFIG_NOSYSTEM", "1");
        command.env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Fills in `${{ name }}`.
    fn filled(&self, text: &str) -> String {
        let mut parts = text.split("${{");
        let mut filled = parts.next().unwrap().to_owned();
        for part in parts {
            let (name, rest) = part.split_once("}}").expect("an expression that does not end");
            filled.push_str(self.names.get(name.trim()).map_or("", String::as_str));
            filled.push_str(rest);
        }
        filled
    }
}
