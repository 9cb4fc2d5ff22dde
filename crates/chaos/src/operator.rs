//! The commands of an operator.

use crate::error::SeasonError;
use crate::history::{Does, End, Recorder, StopCommand, StopId};
use crate::setup::Programs;
use stand_ins::Azure;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::task::JoinHandle;

/// Runs a command of the program to its end, with access to these services.
pub(crate) async fn operator(azure: &Azure, programs: &Programs, arguments: &[&str]) -> Result<(), SeasonError> {
    let mut command = Command::new(&programs.signer);
    command.env_clear().envs(azure.environment()).args(arguments);
    output_of(&mut command, "").await.map(drop)
}

/// Runs a command to its end, with this standard input. Returns its output.
pub(crate) async fn output_of(command: &mut Command, input: &str) -> Result<String, SeasonError> {
    let cannot = |error: std::io::Error| SeasonError::Command(error.to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(cannot)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await.map_err(cannot)?;
    }
    let output = child.wait_with_output().await.map_err(cannot)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(SeasonError::Command(String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// An operator who stops and resumes keys. Every command is recorded for the judge.
#[derive(Debug, Clone)]
pub(crate) struct StopOperator {
    program: PathBuf,
    environment: Vec<(&'static str, String)>,
    recorder: Arc<Recorder>,
}

/// How `marks resume` is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResumeForm {
    /// Raises the marks above this level.
    Above(u32),
    /// `--nothing-signed-elsewhere`.
    NothingSignedElsewhere,
}

/// How long a command is repeated that fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

impl StopOperator {
    /// An operator with access to these services, and with these settings in addition.
    pub(crate) fn new(
        azure: &Azure,
        programs: &Programs,
        recorder: &Arc<Recorder>,
        settings: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Self {
        let environment = azure.environment().into_iter().chain(settings).collect();
        Self { program: programs.signer.clone(), environment, recorder: Arc::clone(recorder) }
    }

    /// Repeats `marks stop` with the same reason until it succeeds.
    pub(crate) async fn stop(&self, key: &Arc<str>, reason: &str) -> Result<(), SeasonError> {
        let start = Instant::now();
        loop {
            match self.stop_once(key, reason, None).await?.end {
                End::Failed(why) if start.elapsed() > PATIENCE => return Err(SeasonError::Command(why)),
                End::Done => return Ok(()),
                End::Failed(_) | End::Killed => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// Runs `marks stop` once, and kills it after this time.
    pub(crate) async fn stop_once(
        &self,
        key: &Arc<str>,
        reason: &str,
        kill_after: Option<Duration>,
    ) -> Result<StopCommand, SeasonError> {
        self.run(Does::Stop, key, &["marks", "stop", key, "--reason", reason], kill_after).await
    }

    /// Runs `marks handover`, which writes the marks to this file.
    pub(crate) async fn hand_over(&self, key: &Arc<str>, file: &str) -> Result<(), SeasonError> {
        done(self.run(Does::Stop, key, &["marks", "handover", key, "--output", file], None).await?)
    }

    /// Runs `marks import` or `marks raise` for this key.
    pub(crate) async fn raise(&self, key: &Arc<str>, arguments: &[&str]) -> Result<(), SeasonError> {
        done(self.run(Does::Raise, key, arguments, None).await?)
    }

    /// Repeats `marks resume` until no stop is left, naming those that it has shown.
    pub(crate) async fn resume(&self, key: &Arc<str>, form: ResumeForm) -> Result<(), SeasonError> {
        let start = Instant::now();
        let mut shown: Vec<StopId> = Vec::new();
        loop {
            let resume = self.resume_once(key, form, &shown, None).await?;
            match resume.end {
                // Without a stop, there was nothing to do. A process may have written one again that was just lifted.
                End::Done if resume.stops.is_empty() => return Ok(()),
                End::Failed(why) if start.elapsed() > PATIENCE => return Err(SeasonError::Command(why)),
                End::Done => shown.clear(),
                End::Failed(why) => shown = named_in(&why).unwrap_or_default(),
                End::Killed => {}
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Runs `marks resume` once for these stops, or for the only one, and kills it after this time.
    pub(crate) async fn resume_once(
        &self,
        key: &Arc<str>,
        form: ResumeForm,
        stops: &[StopId],
        kill_after: Option<Duration>,
    ) -> Result<StopCommand, SeasonError> {
        let level;
        let mut arguments = vec!["marks", "resume", key];
        match form {
            ResumeForm::Above(above) => {
                level = above.to_string();
                arguments.extend(["--level", &level]);
            }
            ResumeForm::NothingSignedElsewhere => arguments.push("--nothing-signed-elsewhere"),
        }
        arguments.extend(stops.iter().flat_map(|stop| ["--stop", &**stop]));
        self.run(Does::Resume, key, &arguments, kill_after).await
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value))).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    async fn run(
        &self,
        does: Does,
        key: &Arc<str>,
        arguments: &[&str],
        kill_after: Option<Duration>,
    ) -> Result<StopCommand, SeasonError> {
        let cannot = |error: std::io::Error| SeasonError::Command(error.to_string());
        let from = Instant::now();
        let mut child = self.command(arguments).spawn().map_err(cannot)?;
        let (output, errors) = (text_of(child.stdout.take()), text_of(child.stderr.take()));
        let status = match kill_after {
            None => Some(child.wait().await.map_err(cannot)?),
            Some(after) => tokio::time::timeout(after, child.wait()).await.ok().transpose().map_err(cannot)?,
        };
        if status.is_none() {
            child.kill().await.map_err(cannot)?;
        }
        let to = Instant::now();
        let (output, errors) = (output.await.unwrap_or_default(), errors.await.unwrap_or_default());
        let end = match status {
            None => End::Killed,
            Some(status) if status.success() => End::Done,
            Some(_) => End::Failed(errors),
        };
        let has_lifted_nothing = matches!(&end, End::Failed(why) if why.contains("nothing was lifted"));
        let stops = if has_lifted_nothing { Vec::new() } else { shown_in(&output) };
        let command = StopCommand { key: Arc::clone(key), does, stops, from, to, end };
        self.recorder.command(command.clone());
        Ok(command)
    }
}

fn done(command: StopCommand) -> Result<(), SeasonError> {
    match command.end {
        End::Done => Ok(()),
        End::Failed(why) => Err(SeasonError::Command(why)),
        End::Killed => Err(SeasonError::Command("it was killed".to_owned())),
    }
}

fn text_of(stream: Option<impl AsyncRead + Send + Unpin + 'static>) -> JoinHandle<String> {
    tokio::spawn(async move {
        let mut text = String::new();
        if let Some(mut stream) = stream {
            // What was read until then counts.
            drop(stream.read_to_string(&mut text).await);
        }
        text
    })
}

/// The stops that a command has shown.
fn shown_in(text: &str) -> Vec<StopId> {
    between(text, "(stop ", ')').collect()
}

/// The stops that an error asks to name.
fn named_in(text: &str) -> Option<Vec<StopId>> {
    let (_, stops) = text.split_once("all have to be named: ")?;
    Some(stops.split_whitespace().filter(|word| *word != "--stop").map(Into::into).collect())
}

fn between<'a>(text: &'a str, before: &'a str, after: char) -> impl Iterator<Item = StopId> + 'a {
    text.split(before).skip(1).filter_map(move |rest| Some(rest.split_once(after)?.0.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stops_in_the_output_of_a_command_are_read() {
        let output = "tz3: stopped by one at 2026: why (stop 0a)\nNet…: block: stopped at level 7\ntz3: … (stop 0b)\n";
        assert_eq!(shown_in(output), [StopId::from("0a"), StopId::from("0b")]);
        let error = "error: nothing was lifted: the key has 2 stops, and all have to be named: --stop 0a --stop 0b\n";
        assert_eq!(named_in(error), Some(vec![StopId::from("0a"), StopId::from("0b")]));
        assert_eq!(named_in("error: the result is unknown"), None);
    }
}
