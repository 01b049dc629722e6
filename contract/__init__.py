"""What two rooms must agree on; imports none of ours."""
