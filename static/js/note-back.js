// After signing in again in a tab of its own: tell the page that waits with its text.

if (window.opener) {
  window.opener.postMessage("signed-in", window.location.origin);
}
