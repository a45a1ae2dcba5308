"""MML, the Medical Meta Learner: its experiments as graphs of steps that can stop after any step and go on."""
