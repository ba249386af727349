//! What a searched text means to PostgreSQL: its words, and for a word that no ticket ever had, those that are spelled alike.

use common::ticket::TicketNumber;
use sqlx::{PgConnection, Postgres, QueryBuilder};

/// How alike two words must be (`similarity` of pg_trgm, from 0 to 1).
const ALIKE: f32 = 0.35;
/// Words that are tried in place of one that is unknown.
const MAX_ALIKE: i64 = 5;
/// Words of a text whose spelling is looked after.
const MAX_WORDS: usize = 12;

/// A searched text, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// As typed: words, "phrases", -words that must not be there.
    text: String,
    /// The words of a text that isn't to be taken as typed, each with those that may stand in its place.
    spelled: Vec<(String, Vec<String>)>,
    /// Tickets that the text names.
    numbers: Vec<i64>,
}

impl Search {
    /// Understands a text; asks which of its words are unknown, and what is spelled alike.
    pub async fn find(db: &mut PgConnection, text: &str) -> sqlx::Result<Self> {
        let named = |word: &str| word.starts_with(['T', 't']).then(|| word.parse::<TicketNumber>().ok()).flatten();
        let mut numbers: Vec<i64> = text.split_whitespace().filter_map(named).map(TicketNumber::get).collect();
        numbers.extend(
            text.parse::<TicketNumber>().ok().map(TicketNumber::get).filter(|number| !numbers.contains(number)),
        );
        let unknown = list_alike(db, &correctable(text)).await?;
        let spelled = match unknown.is_empty() {
            true => Vec::new(),
            false => text
                .split_whitespace()
                .map(|word| {
                    let alike = unknown.iter().find(|(known, _)| *known == bare(word));
                    (word.to_owned(), alike.map(|(_, alike)| alike.clone()).unwrap_or_default())
                })
                .collect(),
        };
        Ok(Self { text: text.to_owned(), spelled, numbers })
    }

    /// Adds a `tsquery` of constants, so that the plan can depend on how frequent its words are.
    fn push_query(&self, query: &mut QueryBuilder<Postgres>) {
        if self.spelled.is_empty() {
            query.push("websearch_to_tsquery('english', ").push_bind(self.text.clone()).push(")");
            return;
        }
        for (index, (word, alike)) in self.spelled.iter().enumerate() {
            query.push(if index == 0 { "((" } else { " && (" });
            for (index, word) in std::iter::once(word).chain(alike).enumerate() {
                query.push(if index == 0 { "" } else { " || " });
                query.push("plainto_tsquery('english', ").push_bind(word.clone()).push(")");
            }
            query.push(")");
        }
        query.push(")");
    }

    /// Adds the condition that a ticket is found.
    pub fn push_condition(&self, query: &mut QueryBuilder<Postgres>) {
        query.push("(search @@ ");
        self.push_query(query);
        if !self.numbers.is_empty() {
            query.push(" OR number = ANY(").push_bind(self.numbers.clone()).push(")");
        }
        query.push(")");
    }

    /// Adds how well a ticket fits; one that is named fits best.
    pub fn push_rank(&self, query: &mut QueryBuilder<Postgres>) {
        query.push("CASE WHEN number = ANY(").push_bind(self.numbers.clone()).push(") THEN 100 ELSE ts_rank(search, ");
        self.push_query(query);
        query.push(") END");
    }
}

/// A word as it stands among the known ones.
fn bare(word: &str) -> String {
    word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase()
}

/// The words whose spelling is looked after; none where signs of the search language say that what is typed is meant.
fn correctable(text: &str) -> Vec<String> {
    let is_exact = |word: &str| word.contains('"') || word.starts_with('-') || word.eq_ignore_ascii_case("or");
    if text.split_whitespace().any(is_exact) {
        return Vec::new();
    }
    let words = text.split_whitespace().map(bare);
    let words = words.filter(|word| (4..=40).contains(&word.chars().count()) && word.chars().all(char::is_alphabetic));
    words.take(MAX_WORDS).collect()
}

/// Those of `words` that no ticket ever had, each with the words that are spelled alike.
async fn list_alike(db: &mut PgConnection, words: &[String]) -> sqlx::Result<Vec<(String, Vec<String>)>> {
    if words.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_as(
        "SELECT typed.word, array_agg(alike.word)
         FROM unnest($1::text[]) AS typed (word)
         CROSS JOIN LATERAL (
             SELECT known.word FROM search_words known
             WHERE known.word % typed.word AND similarity(known.word, typed.word) >= $2
             ORDER BY similarity(known.word, typed.word) DESC, known.word LIMIT $3) alike
         WHERE NOT EXISTS (SELECT FROM search_words known WHERE known.word = typed.word)
         GROUP BY typed.word",
    )
    .bind(words)
    .bind(ALIKE)
    .bind(MAX_ALIKE)
    .fetch_all(db)
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_that_can_be_misspelled_are_looked_after() {
        assert_eq!(correctable("The Hedset, (crackles) T042 b2b 10.0.0.1"), ["hedset", "crackles"]);
        for exact in ["\"hedset\"", "hedset -toner", "hedset OR toner"] {
            assert!(correctable(exact).is_empty(), "{exact}");
        }
    }
}
