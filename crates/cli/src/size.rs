//! Numbers of bytes: from the MiB of a configuration, and written for people.

/// The bytes of a MiB.
pub(crate) const MIB: u64 = 1 << 20;

/// The bytes of so many MiB; as many as there can be where that is more than an address has room for.
pub(crate) fn mebibytes(count: u32) -> usize {
    usize::try_from(u64::from(count) * MIB).unwrap_or(usize::MAX)
}

/// `1.5 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut tenths = bytes.saturating_mul(10) / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_size(bytes: u64, expect: &str) {
        assert_eq!(size(bytes), expect);
    }

    #[test]
    fn bytes_of_mebibytes() {
        assert_eq!(mebibytes(0), 0);
        assert_eq!(mebibytes(128), 134_217_728);
        assert_eq!(mebibytes(u32::MAX), 4_503_599_626_321_920);
    }

    #[test]
    fn sizes() {
        check_size(0, "0 B");
        check_size(1023, "1023 B");
        check_size(1024, "1.0 KiB");
        check_size(1_000_000, "976.5 KiB");
        check_size(20 << 20, "20.0 MiB");
        check_size(5 << 40, "5.0 TiB");
    }
}
