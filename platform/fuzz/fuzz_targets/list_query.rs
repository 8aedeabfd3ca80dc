#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    users_platform::fuzzing::run("list_query", data);
});
