//! Prints many lines for the tests of this crate: `printer output`, `printer error`,
//! `printer both`. A second argument prints them without newlines.

#[macro_use]
extern crate users_support;

fn main() {
    users_support::tied::guard_if_asked();
    let mut words = std::env::args().skip(1);
    let stream = words.next().unwrap_or_default();
    let has_newlines = words.next().is_none();
    for number in 0..20_000 {
        match (stream.as_str(), has_newlines) {
            ("output", true) => println!("line {number}"),
            ("output", false) => print!("part {number} "),
            ("error", true) => eprintln!("line {number}"),
            ("error", false) => eprint!("part {number} "),
            _ => {
                println!("line {number}");
                eprintln!("line {number}");
            }
        }
    }
    if stream == "nothing" {
        println!();
    }
}
