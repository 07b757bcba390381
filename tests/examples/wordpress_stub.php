<?php
// As much of WordPress as the mu-plugin touches, for `php -S`: hooks, comments in a JSON file, HTTP by streams.
declare(strict_types=1);

define('ABSPATH', __DIR__);
foreach (['BTL_URL', 'BTL_SITE_KEY', 'BTL_WEBHOOK_SECRET', 'WPCOM_API_KEY'] as $name) {
    define($name, getenv($name));
}
$hooks = $routes = $done = [];

function add_filter($name, $function, $priority = 10, $arguments = 1) { $GLOBALS['hooks'][$name][] = [$function, $arguments]; }
function add_action(...$all) { add_filter(...$all); }
function apply_filters($name, $value, ...$more) {
    foreach ($GLOBALS['hooks'][$name] ?? [] as [$function, $arguments]) {
        $value = $function(...array_slice([$value, ...$more], 0, $arguments));
    }
    return $value;
}
function do_action($name, ...$all) { $GLOBALS['done'][$name] = 1; if ($all) { apply_filters($name, ...$all); } }
function did_action($name) { return $GLOBALS['done'][$name] ?? 0; }
function register_rest_route($space, $route, $options) { $GLOBALS['routes']["/wp-json/$space$route"] = $options['callback']; }
class WP_REST_Response { public function __construct(public $data, public int $status) {} }
class Request {
    public function get_header($name) { return $_SERVER['HTTP_' . strtoupper($name)] ?? null; }
    public function get_body() { return file_get_contents('php://input'); }
}
function comments() { return is_file(getenv('STORE')) ? json_decode(file_get_contents(getenv('STORE')), true) : []; }
function keep($id, $change) {
    $all = comments();
    $all[$id] = $change === null ? null : array_merge($all[$id] ?? [], $change);
    file_put_contents(getenv('STORE'), json_encode(array_filter($all)));
}
function get_comment($id) { $one = comments()[$id] ?? null; return $one ? (object) $one : null; }
function get_comment_meta($id, $name, $single) { return comments()[$id]["meta_$name"] ?? ''; }
function update_comment_meta($id, $name, $value) { keep($id, ["meta_$name" => $value]); }
function wp_update_comment($change) { keep($change['comment_ID'], $change); }
function wp_delete_comment($id, $force) { keep($id, null); }
function wp_set_comment_status($id, $status) {
    $old = comments()[$id]['comment_approved'];
    keep($id, ['comment_approved' => ['approve' => '1', 'hold' => '0'][$status] ?? $status]);
    $words = ['approve' => 'approved', 'hold' => 'unapproved'];
    do_action('transition_comment_status', $words[$status] ?? $status, $old === '1' ? 'approved' : 'unapproved', get_comment($id));
}
function wp_remote_request($url, $options) {
    $answer = apply_filters('pre_http_request', false, $options, $url);
    if ($answer !== false) { return $answer; }
    $body = is_array($options['body']) ? http_build_query($options['body']) : $options['body'];
    $headers = array_map(fn ($name, $value) => "$name: $value", array_keys($options['headers']), $options['headers']);
    $http = ['method' => 'POST', 'content' => $body, 'ignore_errors' => true, 'header' => $headers, 'timeout' => 5];
    $body = @file_get_contents($url, false, stream_context_create(['http' => $http]));
    return ['status' => (int) substr($http_response_header[0] ?? 'HTTP/1.1 0', 9, 3), 'body' => (string) $body];
}
function wp_remote_post($url, $options) { return wp_remote_request($url, $options); }
function wp_remote_retrieve_body($answer) { return $answer['body']; }
function wp_remote_retrieve_response_code($answer) { return $answer['status']; }
function wp_schedule_single_event($at, $hook, $arguments) { keep($arguments[0], ['again' => $hook]); }
function wp_parse_url($url, $part) { return parse_url($url, $part); }
function wp_json_encode($value) { return json_encode($value); }
function wp_slash($value) { return $value; }
function wp_strip_all_tags($text) { return strip_tags($text); }
function untrailingslashit($text) { return rtrim($text, '/'); }
function mysql2date($format, $date) { return gmdate($format, strtotime($date)); }
function get_current_blog_id() { return 1; }
function get_permalink($id) { return "https://wp.example/?p=$id"; }
function get_the_title($id) { return 'A <em>title</em>'; }
function get_locale() { return 'de_DE'; }
function user_can($user, $what) { return $user === 1; }
function __($text) { return $text; }

require dirname(__DIR__, 2) . '/examples/wordpress/below-the-line.php';
do_action('rest_api_init', null);
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if (isset($routes[$path])) {
    http_response_code($routes[$path](new Request())->status);
} elseif ($path === '/comment') {
    $id = count(comments()) + 1;
    $comment = $_POST + ['comment_ID' => $id, 'comment_type' => 'comment', 'user_id' => 0, 'comment_parent' => 0,
        'comment_post_ID' => 7, 'comment_author_IP' => '203.0.113.9', 'comment_agent' => 'test', 'comment_date_gmt' => '2026-11-28 10:00:00'];
    $approved = apply_filters('pre_comment_approved', 1, $comment);
    keep($id, $comment + ['comment_approved' => (string) $approved]);
    do_action('comment_post', $id, $approved, $comment);
} elseif ($path === '/status') {
    wp_set_comment_status((int) $_POST['id'], $_POST['status']);
} elseif ($path === '/akismet') {
    $headers = ['Host' => 'rest.akismet.com', 'Content-Type' => 'application/x-www-form-urlencoded'];
    echo wp_remote_post('https://rest.akismet.com/1.1/comment-check', ['headers' => $headers, 'body' => 'api_key=' . WPCOM_API_KEY])['body'];
} else {
    echo json_encode((object) comments());
}
