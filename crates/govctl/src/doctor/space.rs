//! Room on the disk.

use std::path::Path;

use super::finding::Finding;

const CHECK: &str = "disk_space";

/// A change needs room for the document twice. With less than this it is a matter of hours.
const LITTLE: u64 = 100 * 1024 * 1024;
const NONE: u64 = 1024 * 1024;
const FEW_FILES: u64 = 1000;

pub(crate) fn look(place: &Path, findings: &mut Vec<Finding>) {
    findings.push(match rustix::fs::statvfs(place) {
        Ok(found) => judge(place, found.f_bavail.saturating_mul(found.f_frsize), {
            // File systems that make inodes as they need them count none.
            (found.f_files > 0).then_some(found.f_favail)
        }),
        Err(error) => Finding::failed(CHECK, "cannot ask how much room there is", &error),
    });
}

fn judge(place: &Path, bytes: u64, files: Option<u64>) -> Finding {
    let left = format!("{} left", size(bytes));
    let df = format!("df -h -i {0}; df -h {0}", crate::view::quoted(place));
    match files {
        _ if bytes < NONE => Finding::fail(CHECK, left).hint(df),
        Some(files) if files < 8 => {
            Finding::fail(CHECK, format!("{left}, and room for {files} more files")).hint(df)
        }
        _ if bytes < LITTLE => Finding::warn(CHECK, left).hint(df),
        Some(files) if files < FEW_FILES => {
            Finding::warn(CHECK, format!("{left}, and room for {files} more files")).hint(df)
        }
        _ => Finding::ok(CHECK, left),
    }
}

fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes / 1024;
    let mut unit = 0;
    while value >= 10 * 1024 && unit + 1 < UNITS.len() {
        value /= 1024;
        unit += 1;
    }
    format!("{value} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn little_room_is_a_warning_and_none_a_failure() {
        const MIB: u64 = 1024 * 1024;
        for (bytes, files, status, words) in [
            (500 * MIB, None, Status::Ok, "500 MiB left"),
            (70 * 1024 * MIB, Some(10_000), Status::Ok, "70 GiB left"),
            (99 * MIB, None, Status::Warn, "99 MiB left"),
            (MIB - 1, Some(10_000), Status::Fail, "1023 KiB left"),
            (500 * MIB, Some(999), Status::Warn, "500 MiB left, and room for 999 more files"),
            (500 * MIB, Some(0), Status::Fail, "500 MiB left, and room for 0 more files"),
        ] {
            let found = judge(Path::new("/srv"), bytes, files);
            assert_eq!((found.status, found.detail.as_str()), (status, words));
        }
    }
}
