//! The signer with its embedded vault and stores, in this process and as the shipped binary.

mod answer_headers;
mod authentication;
mod closed_output;
mod command_line;
mod companion;
mod disk_trouble;
mod head_of_the_chain;
mod http_answers;
mod key_commands;
mod killing;
mod levels;
mod limits;
mod lost_store;
mod many_connections;
mod marks_files;
mod one_process_at_a_time;
mod process_end;
mod recording;
mod requests_at_fault;
mod settings_at_start;
mod store_and_raising;
mod text_files;
mod under_functions_host;
mod unknown_keys;
mod unreadable_marks;
mod way_of_a_request;
