<?php
// A webhook receiver in PHP (8.0 or newer), without any package: copy `verify` and `take_over` into your site.
//
//     BTL_WEBHOOK_SECRET=whsec_… COMMENTS_DIR=comments php -S 127.0.0.1:9000 receiver.php
//
// It keeps one JSON file for each comment where your site would have a row. docs/webhooks.md describes the events.

declare(strict_types=1);

function verify(string $secret, string $body): bool
{
    $id = $_SERVER['HTTP_WEBHOOK_ID'] ?? '';
    $timestamp = $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '';
    if (!preg_match('/^[0-9]{1,12}$/D', $timestamp) || abs(time() - (int) $timestamp) > 300) {
        return false; // too old, or a clock that is wrong
    }
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $secret, true));
    // Several signatures, space-separated, while a secret is being changed. Compared in constant time.
    foreach (explode(' ', $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '') as $given) {
        if (hash_equals($expected, $given)) {
            return true;
        }
    }
    return false;
}

/** Once and in order: an event whose sequence is not newer than the last one is a repeat or came late. */
function take_over(string $folder, array $event): void
{
    $data = $event['data'];
    if (!preg_match('/^[A-Za-z0-9_-]{1,64}$/D', $data['id'])) {
        throw new UnexpectedValueException('not an id');
    }
    $path = "$folder/{$data['id']}.json";
    $known = is_file($path) ? json_decode(file_get_contents($path), true) : ['sequence' => 0];
    if ($data['sequence'] <= $known['sequence']) {
        return;
    }
    $comment = ['sequence' => $data['sequence'], 'status' => $data['status']] + $known;
    if (in_array($event['type'], ['comment.approved', 'comment.edited'], true)) {
        $comment = ['name' => $data['name'], 'body' => $data['body']] + $comment; // publish, or replace
    } elseif ($event['type'] !== 'appeal.decided') {
        unset($comment['name'], $comment['body']); // take down, and do not keep what must not be read
    }
    file_put_contents("$path.new", json_encode($comment, JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR));
    rename("$path.new", $path);
}

if ($_SERVER['REQUEST_METHOD'] !== 'POST' || strtok($_SERVER['REQUEST_URI'], '?') !== '/webhooks') {
    http_response_code(404);
    return;
}
$body = file_get_contents('php://input'); // the raw bytes: a parsed and re-written document no longer matches
$secret = base64_decode(preg_replace('/^whsec_/', '', (string) getenv('BTL_WEBHOOK_SECRET')), true);
if (!$secret || !verify($secret, $body)) {
    http_response_code(401);
    return;
}
$folder = getenv('COMMENTS_DIR') ?: 'comments';
if (!is_dir($folder)) {
    mkdir($folder, 0700, true);
}
$lock = fopen("$folder/lock", 'c'); // your database's transaction does this
flock($lock, LOCK_EX);
try {
    $event = json_decode($body, true, 32, JSON_THROW_ON_ERROR);
    if (preg_match('/^(comment|appeal)\./', $event['type'])) {
        take_over($folder, $event);
    }
    http_response_code(204); // only now: anything else makes the sender try again
} catch (Throwable $fault) {
    error_log($fault->getMessage());
    http_response_code(500);
}
