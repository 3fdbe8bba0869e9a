// Lets this program's own clock pass, as the test lets Gatehouse's pass: longer than a token lives there.

const LATER_MS = 400_000;

const now = Date.now;
Date.now = () => now() + LATER_MS;
