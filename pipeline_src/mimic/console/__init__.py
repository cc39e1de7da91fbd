"""The console command ``mimic``, a module a subcommand; imports any step, and no step imports it."""
