//! Metric math, as far as the templates use it: arithmetic, comparisons, `IF` and `FILL`.

use std::collections::BTreeMap;

/// A parsed expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Number(f64),
    Metric(String),
    Binary(Operator, Box<Self>, Box<Self>),
    /// The second or the third, by whether the first is zero.
    If(Box<[Self; 3]>),
    /// The second where the first has no value.
    Fill(Box<[Self; 2]>),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// By how tightly they bind, loosest first; of two that begin alike the longer one first.
const OPERATORS: &[&[(&str, Operator)]] = &[
    &[("||", Operator::Or)],
    &[("&&", Operator::And)],
    &[
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("/", Operator::Divide)],
];

/// Deeper ones are not understood: parsing calls itself.
const DEPTH: usize = 32;

impl Expression {
    /// Parses a text.
    ///
    /// # Errors
    /// A text that says what is not understood.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { rest: text.trim_start(), depth: 0 };
        let parsed = parser.binary(0);
        match parsed {
            Some(expression) if parser.rest.is_empty() => Ok(expression),
            _ => Err(format!("the expression `{text}` is not understood here")),
        }
    }

    /// The names of the metrics in it.
    pub(super) fn metrics(&self) -> Vec<&str> {
        match self {
            Self::Number(_) => Vec::new(),
            Self::Metric(name) => vec![name],
            Self::Binary(_, left, right) => [left.metrics(), right.metrics()].concat(),
            Self::If(parts) => parts.iter().flat_map(Self::metrics).collect(),
            Self::Fill(parts) => parts.iter().flat_map(Self::metrics).collect(),
        }
    }

    /// Its value; none where it needs the value of a metric that has none, or divides by zero.
    pub(super) fn value(&self, metrics: &BTreeMap<&str, Option<f64>>) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Metric(name) => metrics.get(name.as_str()).copied().flatten(),
            Self::If(parts) => {
                let [condition, then, otherwise] = parts.as_ref();
                match condition.value(metrics)? != 0.0 {
                    true => then.value(metrics),
                    false => otherwise.value(metrics),
                }
            }
            Self::Fill(parts) => {
                let [metric, filler] = parts.as_ref();
                metric.value(metrics).or_else(|| filler.value(metrics))
            }
            Self::Binary(operator, left, right) => {
                let (left, right) = (left.value(metrics)?, right.value(metrics)?);
                operator.apply(left, right)
            }
        }
    }
}

impl Operator {
    fn apply(self, left: f64, right: f64) -> Option<f64> {
        let truth = |holds: bool| Some(f64::from(u8::from(holds)));
        match self {
            Self::Or => truth(left != 0.0 || right != 0.0),
            Self::And => truth(left != 0.0 && right != 0.0),
            Self::Equal => truth(left == right),
            Self::NotEqual => truth(left != right),
            Self::Less => truth(left < right),
            Self::LessOrEqual => truth(left <= right),
            Self::Greater => truth(left > right),
            Self::GreaterOrEqual => truth(left >= right),
            Self::Add => Some(left + right),
            Self::Subtract => Some(left - right),
            Self::Multiply => Some(left * right),
            Self::Divide => (right != 0.0).then(|| left / right),
        }
    }
}

struct Parser<'a> {
    /// What is left, without white space in front.
    rest: &'a str,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn binary(&mut self, level: usize) -> Option<Expression> {
        let Some(operators) = OPERATORS.get(level) else { return self.operand() };
        let mut left = self.binary(level + 1)?;
        while let Some((_, operator)) = operators.iter().find(|(sign, _)| self.takes(sign)) {
            let right = self.binary(level + 1)?;
            left = Expression::Binary(*operator, Box::new(left), Box::new(right));
        }
        Some(left)
    }

    fn operand(&mut self) -> Option<Expression> {
        self.depth += 1;
        if self.depth > DEPTH {
            return None;
        }
        let operand = if self.takes("(") {
            let inner = self.binary(0)?;
            self.takes(")").then_some(inner)?
        } else if self.rest.starts_with(|first: char| first.is_ascii_digit()) {
            let number = self.word(|it| it.is_ascii_digit() || it == '.');
            Expression::Number(number.parse().ok()?)
        } else {
            let name = self.word(|it| it.is_ascii_alphanumeric() || it == '_');
            match name {
                "" => return None,
                "IF" => Expression::If(Box::new(self.arguments()?)),
                "FILL" => Expression::Fill(Box::new(self.arguments()?)),
                // Metrics begin with a small letter, functions with a capital one.
                _ if name.starts_with(|first: char| first.is_ascii_lowercase()) => {
                    Expression::Metric(name.to_owned())
                }
                _ => return None,
            }
        };
        self.depth -= 1;
        Some(operand)
    }

    fn arguments<const N: usize>(&mut self) -> Option<[Expression; N]> {
        let mut arguments = Vec::new();
        let mut before = "(";
        for _ in 0..N {
            if !self.takes(before) {
                return None;
            }
            arguments.push(self.binary(0)?);
            before = ",";
        }
        if !self.takes(")") {
            return None;
        }
        arguments.try_into().ok()
    }

    /// Goes on past a sign, if it comes next.
    fn takes(&mut self, sign: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(sign) else { return false };
        self.rest = rest.trim_start();
        true
    }

    fn word(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|it| !belongs(it)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        word
    }
}

#[cfg(test)]
mod tests {
    use super::Expression;
    use std::collections::BTreeMap;

    fn value(text: &str) -> Option<f64> {
        let metrics = BTreeMap::from([("m0", Some(6.0)), ("m1", Some(20.0)), ("m2", None)]);
        Expression::parse(text).unwrap().value(&metrics)
    }

    #[test]
    fn expressions_have_the_values_that_cloudwatch_gives_them() {
        for (text, expected) in [
            ("m0", Some(6.0)),
            ("1 + 2 * 3 - 4 / 2", Some(5.0)),
            ("(1 + 2) * 3", Some(9.0)),
            ("10 - 3 - 2", Some(5.0)),
            ("IF(m1 >= 20, 100 * m0 / m1, 0)", Some(30.0)),
            ("IF(m1 > 20, 100 * m0 / m1, 0)", Some(0.0)),
            ("IF(m0 < 7 && m1 == 20 || m2, 1, 2)", None),
            ("IF(m0 < 7 && m1 != 20, 1, 2.5)", Some(2.5)),
            ("FILL(m2, 0) + FILL(m0, 0)", Some(6.0)),
            ("m2 + 1", None),
            ("m0 / 0", None),
            ("IF(m2 >= 1, 1, 0)", None),
        ] {
            assert_eq!(value(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        let deep = format!("{}1{}", "(".repeat(100), ")".repeat(100));
        for text in ["", "1 +", "RATE(m0)", "IF(m0, 1)", "m0 m1", "FILL(m0, REPEAT)", "1)", &deep] {
            let error = Expression::parse(text).unwrap_err();
            assert!(error.contains("is not understood"), "{text}: {error}");
        }
    }

    #[test]
    fn metrics_are_found_wherever_they_stand() {
        let expression = Expression::parse("IF(a > 1, FILL(b, c), d + 2)").unwrap();
        assert_eq!(expression.metrics(), ["a", "b", "c", "d"]);
    }
}
