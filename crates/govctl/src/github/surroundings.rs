//! The workflow step around a run: where its outputs and its summary go.

use std::{fs::OpenOptions, io::Write, path::PathBuf};

use rustix::rand::{GetRandomFlags, getrandom};

use crate::{
    exit::CliError,
    github::{announcement::Announcement, escape},
};

/// A step of GitHub Actions. A file that it does not name is not written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    /// `$GITHUB_OUTPUT`.
    pub(crate) output: Option<PathBuf>,
    /// `$GITHUB_STEP_SUMMARY`.
    pub(crate) summary: Option<PathBuf>,
}

impl Surroundings {
    /// Writes outputs and summary. The annotation goes into the log, which only
    /// [`Output`](crate::output::Output) writes.
    pub(crate) fn write(&self, said: &Announcement) -> Result<(), CliError> {
        if let Some(path) = &self.output {
            let delimiter = delimiter()?;
            let outputs: Option<String> = said
                .outputs
                .iter()
                .map(|(name, value)| escape::output(name, value, &delimiter))
                .collect();
            let outputs = outputs.ok_or_else(|| {
                CliError::broken("an output of the step has the delimiter in it, which was random")
            })?;
            append(path, &outputs)?;
        }
        self.summary.as_ref().map_or(Ok(()), |path| append(path, &said.summary))
    }
}

/// A line that no value can have been made to contain.
fn delimiter() -> Result<String, CliError> {
    let mut bytes = [0; 16];
    getrandom(&mut bytes[..], GetRandomFlags::empty())
        .map_err(|error| CliError::broken("cannot get random bytes").because(&error))?;
    Ok(format!("govctl_{:032x}", u128::from_ne_bytes(bytes)))
}

/// Adds to a file that other steps add to as well, in one write.
fn append(path: &PathBuf, text: &str) -> Result<(), CliError> {
    let opened = OpenOptions::new().append(true).create(true).open(path);
    opened.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        CliError::broken(format!("cannot write the answer to `{}`", path.display())).because(&error)
    })
}
