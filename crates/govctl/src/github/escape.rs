//! Text from outside on its way to GitHub: what must not be read as more than text.
//!
//! Facts: <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>.

use std::borrow::Cow;

use crate::output::clean;

/// One output, `NAME<<DELIMITER`, the value, `DELIMITER`, or nothing if the value has a line
/// that would end it early. A `delimiter` nobody can guess makes sure that none has.
pub(crate) fn output(name: &str, value: &str, delimiter: &str) -> Option<String> {
    let ends_early = value.split(['\n', '\r']).any(|line| line == delimiter);
    (!ends_early).then(|| format!("{name}<<{delimiter}\n{value}\n{delimiter}\n"))
}

/// A workflow command that shows `message` beside the run.
pub(crate) fn annotation(level: &str, title: &str, message: &str) -> String {
    let (title, message) = (property(title), command_text(message));
    format!("::{level} title={title}::{message}")
}

/// The text of a workflow command: its ends of lines and its own escape sign.
fn command_text(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// As [`command_text`], for a property, which `:` and `,` would end too.
fn property(text: &str) -> String {
    command_text(text).replace(':', "%3A").replace(',', "%2C")
}

/// A cell of a table, or any other place within one line of Markdown.
pub(crate) fn markdown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in clean(text).chars() {
        match char {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            // A mention or a reference would reach people who have nothing to do with it.
            '@' => shown.push_str("&#64;"),
            '#' => shown.push_str("&#35;"),
            ':' => shown.push_str("&#58;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '|' | '~' | '!' => {
                shown.push('\\');
                shown.push(char);
            }
            char => shown.push(char),
        }
    }
    shown
}

/// Text for the log of a workflow step, where a line that begins with `::`, or has `##[`
/// anywhere, is a command to the runner.
pub(crate) fn inert(text: &str) -> Cow<'_, str> {
    let commands = |line: &str| line.trim_start().starts_with("::");
    if !text.contains("##[") && !text.lines().any(commands) {
        return Cow::Borrowed(text);
    }
    let lines = text.split('\n').map(|line| {
        let line = line.replace("##[", "# #[");
        if commands(&line) { line.replacen("::", ": :", 1) } else { line }
    });
    Cow::Owned(lines.collect::<Vec<_>>().join("\n"))
}

/// As [`inert`], for JSON, which says the same afterwards.
pub(crate) fn inert_json(json: &str) -> Cow<'_, str> {
    // In JSON the sign can only be inside a text, and no line begins with a colon.
    if json.contains("##[") {
        Cow::Owned(json.replace("##[", "#\\u0023["))
    } else {
        Cow::Borrowed(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_end_its_output_or_begin_another() {
        let value = "a\nreason=forged\nDECISION<<x";
        let written = output("reason", value, "end").unwrap();
        assert_eq!(written, "reason<<end\na\nreason=forged\nDECISION<<x\nend\n");
        for value in ["end", "a\nend\nb=1", "a\rend", "end\r\nx"] {
            assert_eq!(output("reason", value, "end"), None, "{value:?}");
        }
    }

    #[test]
    fn an_annotation_is_one_line_and_one_command() {
        assert_eq!(
            annotation("error", "a,b:c", "50% done\r\n::warning::forged"),
            "::error title=a%2Cb%3Ac::50%25 done%0D%0A::warning::forged"
        );
    }

    #[test]
    fn markdown_shows_what_is_there_and_nothing_else() {
        assert_eq!(
            markdown("a|b\n<img src=x>[x](http://y) @ana #7 `c`"),
            "a\\|b\u{fffd}&lt;img src=x&gt;\\[x\\]\\(http&#58;//y\\) &#64;ana &#35;7 \\`c\\`"
        );
    }

    #[test]
    fn what_is_printed_is_no_command_to_the_runner() {
        assert_eq!(inert("plain\n  a::b"), "plain\n  a::b");
        assert_eq!(
            inert("x\n  ::stop-commands::t\na ##[add-mask]b ##[x"),
            "x\n  : :stop-commands::t\na # #[add-mask]b # #[x"
        );
        let json = r###"{"path": "##[error]x"}"###;
        let inert = inert_json(json);
        assert!(!inert.contains("##["), "{inert}");
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&inert), read(json));
    }
}
