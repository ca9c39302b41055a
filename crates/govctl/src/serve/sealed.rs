//! The bytes of a delivery on disk: a line with the name of its event and a checksum, then the
//! body as it came.

use std::{
    fmt,
    io::{self, Read},
};

use sha2::{Digest, Sha256};

use super::spool::EventName;

/// The longest first line: a name, a space, a checksum, a line feed.
const LINE_BYTES: u64 = 64 + 1 + 64 + 1;

/// Why a file is not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Damaged(&'static str);

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Damaged {}

/// What is written for a delivery.
pub(crate) fn sealed(name: &EventName, body: &[u8]) -> Vec<u8> {
    let name = name.as_str();
    let mut seal = seal_of(name);
    seal.update(body);
    [format!("{name} {}\n", hex(seal)).as_bytes(), body].concat()
}

/// Reads all of a file: the name of the event, and where the body begins.
pub(crate) fn opened(file: &mut impl Read) -> io::Result<Result<(EventName, u64), Damaged>> {
    let mut first = Vec::new();
    file.take(LINE_BYTES).read_to_end(&mut first)?;
    let Some((name, checksum, length)) = first_line(&first) else {
        return Ok(Err(Damaged("its first line is not that of a delivery")));
    };
    let mut seal = seal_of(name.as_str());
    seal.update(&first[length..]);
    let mut part = vec![0; 64 * 1024];
    loop {
        match file.read(&mut part)? {
            0 => break,
            count => seal.update(&part[..count]),
        }
    }
    let is_whole = hex(seal).as_bytes() == checksum;
    Ok(if is_whole { Ok((name, length as u64)) } else { Err(Damaged("its checksum does not fit")) })
}

fn first_line(bytes: &[u8]) -> Option<(EventName, &[u8], usize)> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let space = bytes[..end].iter().position(|byte| *byte == b' ')?;
    Some((EventName::read(&bytes[..space])?, &bytes[space + 1..end], end + 1))
}

/// The name is part of it: another one would make the delivery one that is ignored.
fn seal_of(name: &str) -> Sha256 {
    Sha256::new_with_prefix(format!("{name}\n"))
}

fn hex(seal: Sha256) -> String {
    seal.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let name = EventName::read(b"workflow_run").unwrap();
        let whole = sealed(&name, b"{\"action\": \"completed\"}");
        let read = |bytes: &[u8]| opened(&mut &bytes[..]).unwrap();
        let (found, at) = read(&whole).unwrap();
        assert_eq!((found.as_str(), &whole[at as usize..]), ("workflow_run", &whole[78..]));
        for place in 0..whole.len() {
            assert!(read(&whole[..place]).is_err(), "cut at {place}");
            for bit in 0..8 {
                let mut bent = whole.clone();
                bent[place] ^= 1 << bit;
                assert!(read(&bent).is_err(), "bit {bit} of byte {place}");
            }
        }
        assert!(read(&[&whole[..], b" "].concat()).is_err());
    }
}
