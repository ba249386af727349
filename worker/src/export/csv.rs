//! Rows of comma-separated values as RFC 4180 has them: every cell quoted, quotes doubled, lines ended by CR LF.
//!
//! A cell that a spreadsheet would take for a formula gets an apostrophe before it (OWASP, "CSV Injection").

/// Tells programs that the file is UTF-8.
pub const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Adds a row.
pub fn push_row<Cell: AsRef<str>>(out: &mut Vec<u8>, cells: impl IntoIterator<Item = Cell>) {
    let mut separator = "";
    for cell in cells {
        out.extend_from_slice(separator.as_bytes());
        push_cell(out, cell.as_ref());
        separator = ",";
    }
    out.extend_from_slice(b"\r\n");
}

fn push_cell(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    if may_be_formula(text) {
        out.push(b'\'');
    }
    for (index, piece) in text.split('"').enumerate() {
        if index > 0 {
            out.extend_from_slice(b"\"\"");
        }
        out.extend_from_slice(piece.as_bytes());
    }
    out.push(b'"');
}

/// Whether a spreadsheet might calculate it: full-width signs count, and characters that are skipped at a cell's begin.
fn may_be_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row(cells: &[&str]) -> String {
        let mut out = Vec::new();
        push_row(&mut out, cells);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn quotes_and_formulas() {
        assert_eq!(row(&["a", "", "say \"hi\"", "x,\r\ny"]), "\"a\",\"\",\"say \"\"hi\"\"\",\"x,\r\ny\"\r\n");
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠1"] {
            assert_eq!(row(&[formula]), format!("\"'{formula}\"\r\n"));
        }
        assert_eq!(row(&["a=1"]), "\"a=1\"\r\n");
    }

    /// A reader of RFC 4180 that knows nothing of the writer.
    fn parse(text: &str) -> Vec<Vec<String>> {
        let (mut rows, mut cells, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '"' if quoted && chars.peek() == Some(&'"') => {
                    chars.next();
                    cell.push('"');
                }
                '"' => quoted = !quoted,
                ',' if !quoted => cells.push(std::mem::take(&mut cell)),
                '\r' if !quoted => {}
                '\n' if !quoted => {
                    cells.push(std::mem::take(&mut cell));
                    rows.push(std::mem::take(&mut cells));
                }
                c => cell.push(c),
            }
        }
        rows
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_again(rows in proptest::collection::vec(proptest::collection::vec("[\\PC\\n\\r\\t\"',=+@＝-]{0,20}", 1..5), 1..5)) {
            let mut out = Vec::new();
            rows.iter().for_each(|cells| push_row(&mut out, cells));
            let read = parse(std::str::from_utf8(&out).unwrap());
            prop_assert_eq!(read.len(), rows.len());
            for (cell, original) in read.iter().flatten().zip(rows.iter().flatten()) {
                prop_assert!(!may_be_formula(cell), "{cell:?}");
                prop_assert!(cell == original || cell.strip_prefix('\'') == Some(original.as_str()));
            }
        }
    }
}
