//! Content codings (RFC 9110, section 8.4.1) of answers: many HTTP clients ask for gzip without their application's doing.

use miniz_oxide::inflate::{
    DecompressError, TINFLStatus, decompress_to_vec_with_limit, decompress_to_vec_zlib_with_limit,
};

/// How a body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// Not at all.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 1950, which HTTP calls `deflate`.
    Zlib,
}

impl Coding {
    /// The coding that a `content-encoding` header names; `None` if it is one that is not read here.
    pub(crate) fn named(header: Option<&[u8]>) -> Option<Self> {
        let name = header.unwrap_or_default().trim_ascii().to_ascii_lowercase();
        match name.as_slice() {
            b"" | b"identity" => Some(Self::Identity),
            b"gzip" | b"x-gzip" => Some(Self::Gzip),
            b"deflate" => Some(Self::Zlib),
            _ => None,
        }
    }

    /// Up to `limit` bytes of what `encoded` stands for, and whether that is all of it; `None` if it stands for nothing.
    pub(crate) fn decode(self, encoded: &[u8], limit: usize) -> Option<(Vec<u8>, bool)> {
        let decoded = match self {
            Self::Identity => Ok(encoded.to_vec()),
            Self::Gzip => decompress_to_vec_with_limit(gzip_content(encoded)?, limit),
            Self::Zlib => decompress_to_vec_zlib_with_limit(encoded, limit),
        };
        match decoded {
            Ok(decoded) => Some((decoded, true)),
            Err(DecompressError { status: TINFLStatus::HasMoreOutput, output }) => Some((output, false)),
            // The text ends before the body does.
            Err(DecompressError { status: TINFLStatus::FailedCannotMakeProgress, output }) => Some((output, false)),
            Err(_) => None,
        }
    }
}

/// What follows the header of a gzip member (RFC 1952, section 2.3). Its checksum is not looked at: TCP has one.
fn gzip_content(member: &[u8]) -> Option<&[u8]> {
    let ([0x1f, 0x8b, 8, flags, ..], mut rest) = member.split_first_chunk::<10>()? else { return None };
    if flags & 4 != 0 {
        let (length, after) = rest.split_first_chunk::<2>()?;
        rest = after.get(usize::from(u16::from_le_bytes(*length))..)?;
    }
    for flag in [8, 16] {
        if flags & flag != 0 {
            let end = rest.iter().position(|byte| *byte == 0)?;
            rest = rest.get(end.checked_add(1)?..)?;
        }
    }
    if flags & 2 != 0 { rest.get(2..) } else { Some(rest) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use miniz_oxide::deflate::{compress_to_vec, compress_to_vec_zlib};
    use proptest::prelude::*;

    fn gzip(flags: u8, extra: &[u8], text: &[u8]) -> Vec<u8> {
        let mut member = vec![0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3];
        member.extend_from_slice(extra);
        member.extend(compress_to_vec(text, 6));
        member.extend_from_slice(&[0; 8]);
        member
    }

    #[test]
    fn what_was_encoded_is_read_with_every_optional_part_of_the_header() {
        let text = br#"{"code": 0, "message": "success"}"#;
        let parts: [(u8, &[u8]); 4] = [(0, b""), (4, b"\x03\0abc"), (8 | 16, b"name\0comment\0"), (2, b"cc")];
        for (flags, extra) in parts {
            assert_eq!(Coding::Gzip.decode(&gzip(flags, extra, text), 1_000), Some((text.to_vec(), true)), "{flags}");
        }
        assert_eq!(Coding::Zlib.decode(&compress_to_vec_zlib(text, 6), 1_000), Some((text.to_vec(), true)));
        assert_eq!(Coding::Identity.decode(text, 1_000), Some((text.to_vec(), true)));
    }

    #[test]
    fn no_more_is_made_of_it_than_the_limit() {
        let bomb = gzip(0, b"", &vec![b'x'; 10 << 20]);
        let (decoded, all) = Coding::Gzip.decode(&bomb, 1_000).unwrap();
        assert!(decoded.len() <= 1_000 && !all);
    }

    #[test]
    fn a_cut_body_is_not_taken_for_a_whole_one_and_another_for_none() {
        let whole = gzip(0, b"", br#"{"code": 0, "message": "success"}"#);
        for end in 10..whole.len() - 9 {
            let decoded = Coding::Gzip.decode(whole.get(..end).unwrap(), 1_000);
            assert!(decoded.is_none_or(|(_, all)| !all), "{end}");
        }
        assert_eq!(Coding::Gzip.decode(b"<html>not gzip</html>", 1_000), None);
        assert_eq!(Coding::named(Some(b"br")), None);
        assert_eq!(Coding::named(Some(b" GZIP")), Some(Coding::Gzip));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let member = [&[0x1f, 0x8b, 8][..], &bytes].concat();
            for coding in [Coding::Gzip, Coding::Zlib] {
                coding.decode(&bytes, 100);
                coding.decode(&member, 100);
            }
        }
    }
}
