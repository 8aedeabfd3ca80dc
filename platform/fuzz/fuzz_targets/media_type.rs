#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    users_platform::fuzzing::media_type(data);
});
