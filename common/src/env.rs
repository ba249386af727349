//! Reading the environment: every faulty variable is found before the program stops, and named in ONE message with what
//! was expected and an example. A value is never repeated in the message, since it may be a secret.

use std::collections::HashMap;
use std::fmt::Write as _;

/// The variables a program starts with: the process' own over those of a `.env` file.
pub struct Env {
    variables: HashMap<String, String>,
    faults: Vec<Fault>,
}

struct Fault {
    name: &'static str,
    what: String,
    example: &'static str,
}

/// Marks that a variable was faulty; the message is in the [`Env`] that said so.
#[derive(Debug, Clone, Copy)]
pub struct Faulty;

/// All faulty variables of a program, in one message for its operator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct EnvError(String);

impl Env {
    /// The process' environment, completed by `.env` in the working directory where there is one.
    ///
    /// # Errors
    /// When `.env` is there but can't be read as `NAME=value` lines.
    pub fn process() -> Result<Self, EnvError> {
        let mut variables = HashMap::new();
        if std::path::Path::new(".env").is_file() {
            let unreadable =
                |_| EnvError("The file .env can't be read: every line must be NAME=value or start with #.".to_owned());
            for pair in dotenvy::from_path_iter(".env").map_err(unreadable)? {
                let (name, value) = pair.map_err(unreadable)?;
                variables.insert(name, value);
            }
        }
        let own = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            // A blank one is as good as none, here as everywhere, and hides nothing.
            .filter(|(_, value)| !value.trim().is_empty());
        variables.extend(own);
        Ok(Self::from_pairs(variables))
    }

    /// An environment made of `pairs`, for tests and for programs that start others.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let variables = pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { variables, faults: Vec::new() }
    }

    /// A variable that must be there. `expected` completes the sentence "expected …".
    ///
    /// # Errors
    /// [`Faulty`] where it is missing, blank, or refused by `parse`.
    pub fn required<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        example: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, Faulty> {
        match self.value(name) {
            Some(value) => match parse(&value) {
                Some(parsed) => Ok(parsed),
                None => Err(self.fault(name, format!("is not valid; expected {expected}"), example)),
            },
            None => Err(self.fault(name, format!("is missing; expected {expected}"), example)),
        }
    }

    /// A variable that may be left out.
    ///
    /// # Errors
    /// [`Faulty`] where it is there and refused by `parse`.
    pub fn optional<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        example: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Faulty> {
        match self.value(name) {
            None => Ok(None),
            Some(_) => self.required(name, expected, example, parse).map(Some),
        }
    }

    /// Notes a fault that only the program can see (a file that isn't readable, two values that don't fit together).
    pub fn fault(&mut self, name: &'static str, what: String, example: &'static str) -> Faulty {
        self.faults.push(Fault { name, what, example });
        Faulty
    }

    /// The one message about everything that was faulty.
    pub fn into_error(self, program: &str) -> EnvError {
        let mut message = match self.faults.len() {
            1 => format!("{program} can't start: one variable of its environment is wrong.\n"),
            n => format!("{program} can't start: {n} variables of its environment are wrong.\n"),
        };
        for Fault { name, what, example } in &self.faults {
            let _ = writeln!(message, "  {name} {what} (example: {name}={example})");
        }
        message.push_str("Set them in the environment or in a file .env; .env.example lists them all.");
        EnvError(message)
    }

    fn value(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::Env;

    #[test]
    fn one_message_names_every_faulty_variable_and_no_value() {
        let mut env = Env::from_pairs([("PORT", "eighty"), ("BLANK", "  ")]);
        assert!(env.optional("PORT", "a port number", "8080", |v| v.parse::<u16>().ok()).is_err());
        assert!(env.required("BLANK", "some text", "x", |v| Some(v.to_owned())).is_err());
        assert!(matches!(env.optional("UNSET", "a number", "1", |v| v.parse::<u16>().ok()), Ok(None)));
        let message = env.into_error("gateway").to_string();
        assert!(message.contains("2 variables"), "{message}");
        assert!(message.contains("PORT is not valid; expected a port number (example: PORT=8080)"), "{message}");
        assert!(message.contains("BLANK is missing"), "{message}");
        assert!(!message.contains("eighty"), "{message}");
    }
}
