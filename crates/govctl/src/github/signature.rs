//! Whether GitHub has signed what came.
//!
//! Facts: <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::github::secret::Secret;

/// The signature of a delivery: the value of the header `X-Hub-Signature-256`.
#[derive(Debug)]
pub(crate) struct Signature([u8; 32]);

impl Signature {
    /// Reads `sha256=` and 64 hex digits. Nothing else is a signature.
    pub(crate) fn read(header: &[u8]) -> Option<Signature> {
        let digits = header.strip_prefix(b"sha256=")?;
        let mut bytes = [0; 32];
        if digits.len() != 2 * bytes.len() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let value = |digit: u8| char::from(digit).to_digit(16);
            *byte = u8::try_from(value(pair[0])? * 16 + value(pair[1])?).ok()?;
        }
        Some(Signature(bytes))
    }

    /// Whether it is the one of `body`. Takes as long for a signature that is nearly right as
    /// for any other, so that nobody can guess it byte by byte.
    pub(crate) fn is_of(&self, body: &[u8], secret: &Secret) -> bool {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()) else {
            return false;
        };
        mac.update(body);
        mac.verify_slice(&self.0).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of GitHub's documentation.
    const SIGNED: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    #[test]
    fn the_documented_example_is_signed_and_nothing_else_is() {
        let secret = Secret::agreed("It's a Secret to Everybody\n").unwrap();
        let signature = |text: &str| Signature::read(text.as_bytes());
        assert!(signature(SIGNED).unwrap().is_of(b"Hello, World!", &secret));
        assert!(signature(&SIGNED.to_uppercase().replace("SHA", "sha")).is_some());
        assert!(!signature(SIGNED).unwrap().is_of(b"Hello, World?", &secret));
        assert!(!signature(SIGNED).unwrap().is_of(b"Hello, World!", &Secret::new("x").unwrap()));
        for place in 7..SIGNED.len() {
            let mut bent = SIGNED.to_owned().into_bytes();
            bent[place] = if bent[place] == b'0' { b'1' } else { b'0' };
            let bent = Signature::read(&bent).unwrap();
            assert!(!bent.is_of(b"Hello, World!", &secret), "digit {place}");
        }
    }

    #[test]
    fn what_has_another_form_is_no_signature() {
        let short = &SIGNED[..70];
        let long = format!("{SIGNED}00");
        let sha1 = SIGNED.replace("sha256=", "sha1=");
        let letter = SIGNED.replace("3e17", "3e1g");
        let plus = SIGNED.replace("3e17", "3e+7");
        for text in ["", "sha256=", short, &long, &sha1, &letter, &plus, &SIGNED[7..]] {
            assert!(Signature::read(text.as_bytes()).is_none(), "{text:?}");
        }
    }
}
