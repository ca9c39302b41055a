//! Why a person does something, as it is typed: whoever reads it in the log has to learn something.

/// Reads a reason that is not empty.
pub(crate) fn parse(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("say why, or leave it out where it is not asked for".to_owned());
    }
    Ok(text.to_owned())
}
