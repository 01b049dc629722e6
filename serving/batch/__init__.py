"""The nightly job: tables to answers, part by part, resumable, whole or not there."""
