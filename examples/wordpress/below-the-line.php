<?php
/**
 * Plugin Name: Below the Line
 * Description: Comments are judged by your own Below the Line. Put this file into wp-content/mu-plugins/.
 * License: Apache-2.0
 *
 * Two ways; each is switched on by its constants in wp-config.php.
 *
 * 1. Keep the Akismet plugin and let it ask your server instead of rest.akismet.com:
 *        define( 'BTL_URL', 'https://comments.example' );
 *        define( 'WPCOM_API_KEY', '…' );                // the site's 12-character Akismet key
 *
 * 2. Without Akismet: every comment waits until a signed webhook says what became of it. E-mail notices, the
 *    moderation list and "Your comment is awaiting moderation" work as they always did:
 *        define( 'BTL_URL', 'https://comments.example' );
 *        define( 'BTL_SITE_KEY', '…' );
 *        define( 'BTL_WEBHOOK_SECRET', 'whsec_…' );     // from POST /v1/endpoints, see docs/webhooks.md
 *    The address to register is https://your-site.example/wp-json/below-the-line/v1/webhooks
 */

defined( 'ABSPATH' ) || exit;

if ( defined( 'BTL_URL' ) && defined( 'WPCOM_API_KEY' ) ) {
	add_filter( 'pre_http_request', 'btl_redirect_akismet', 10, 3 );
}
if ( defined( 'BTL_URL' ) && defined( 'BTL_SITE_KEY' ) && defined( 'BTL_WEBHOOK_SECRET' ) ) {
	add_filter( 'pre_comment_approved', 'btl_hold', 99, 2 );
	add_action( 'comment_post', 'btl_send' );
	add_action( 'btl_send_again', 'btl_send' );
	add_action( 'transition_comment_status', 'btl_tell_decision', 10, 3 );
	add_action( 'rest_api_init', 'btl_register_webhooks' );
}

/** The Akismet plugin names its host in a constant; what it asks that host is sent to ours instead. */
function btl_redirect_akismet( $answer, $args, $url ) {
	$host = (string) wp_parse_url( $url, PHP_URL_HOST );
	if ( false !== $answer || ! preg_match( '/(^|\.)rest\.akismet\.com$/D', $host ) ) {
		return $answer;
	}
	unset( $args['headers']['Host'] ); // it names Akismet's host
	$query = wp_parse_url( $url, PHP_URL_QUERY );
	return wp_remote_request(
		untrailingslashit( BTL_URL ) . wp_parse_url( $url, PHP_URL_PATH ) . ( $query ? "?$query" : '' ),
		$args
	);
}

/** Nothing is public before its verdict, except what people write who may moderate anyway. */
function btl_hold( $approved, $comment ) {
	return ( 1 === $approved || '1' === $approved ) && btl_is_ours( (object) $comment ) ? 0 : $approved;
}

/** Pingbacks and comments without an address stay with WordPress's own rules, as do moderators' comments. */
function btl_is_ours( $comment ) {
	return in_array( (string) ( $comment->comment_type ?? '' ), array( '', 'comment' ), true )
		&& '' !== (string) $comment->comment_author_email
		&& ! user_can( (int) ( $comment->user_id ?? 0 ), 'moderate_comments' );
}

function btl_external_id( $comment_id ) {
	return 'wp-' . get_current_blog_id() . '-' . $comment_id;
}

/** Hand a waiting comment in. When the server is away, try again in five minutes: it waits meanwhile. */
function btl_send( $comment_id ) {
	$comment = get_comment( $comment_id );
	if ( ! $comment || '0' !== (string) $comment->comment_approved || ! btl_is_ours( $comment ) ) {
		return;
	}
	$fields = array(
		'external_id'  => btl_external_id( $comment_id ),
		'name'         => '' === $comment->comment_author ? __( 'Anonymous' ) : $comment->comment_author,
		'email'        => $comment->comment_author_email,
		'body'         => $comment->comment_content,
		'ip'           => $comment->comment_author_IP,
		'user_agent'   => $comment->comment_agent,
		'submitted_at' => mysql2date( 'c', $comment->comment_date_gmt . ' +0000', false ),
		'language'     => substr( get_locale(), 0, 2 ),
		'article'      => array(
			'id'    => (string) $comment->comment_post_ID,
			'url'   => get_permalink( $comment->comment_post_ID ),
			'title' => wp_strip_all_tags( get_the_title( $comment->comment_post_ID ) ),
		),
	);
	if ( $comment->user_id ) {
		$fields['author'] = array( 'id' => (string) $comment->user_id, 'verified' => true );
	}
	if ( $comment->comment_parent ) {
		$fields['parent'] = array( 'id' => btl_external_id( $comment->comment_parent ) );
	}
	$answer = btl_post( '/v1/comments', array_filter( $fields ) );
	$said   = json_decode( wp_remote_retrieve_body( $answer ), true );
	$status = (int) wp_remote_retrieve_response_code( $answer );
	if ( 202 === $status || 200 === $status ) {
		update_comment_meta( $comment_id, 'btl_id', $said['id'] );
	} elseif ( 0 === $status || 429 === $status || $status >= 500 ) {
		wp_schedule_single_event( time() + 300, 'btl_send_again', array( $comment_id ) );
	} // Any other answer: it stays in the moderation list, where a person finds it.
}

/** What moderators decide in WordPress is told to the server, which learns from it. */
function btl_tell_decision( $new, $old, $comment ) {
	$actions = array( 'approved' => 'approve', 'spam' => 'reject', 'trash' => 'reject' );
	$btl_id  = get_comment_meta( $comment->comment_ID, 'btl_id', true );
	if ( $btl_id && isset( $actions[ $new ] ) && $new !== $old && ! did_action( 'btl_hearing' ) ) {
		$decision = array( 'action' => $actions[ $new ] );
		if ( 'spam' === $new ) {
			$decision['reason_code'] = 'SPAM';
		}
		btl_post( "/v1/comments/$btl_id/decisions", $decision );
	}
}

function btl_post( $path, $document ) {
	return wp_remote_post(
		untrailingslashit( BTL_URL ) . $path,
		array(
			'headers' => array( 'Authorization' => 'Bearer ' . BTL_SITE_KEY, 'Content-Type' => 'application/json' ),
			'body'    => wp_json_encode( $document ),
			'timeout' => 5,
		)
	);
}

function btl_register_webhooks() {
	register_rest_route(
		'below-the-line/v1',
		'/webhooks',
		// Open to everybody: the signature decides who is believed.
		array( 'methods' => 'POST', 'callback' => 'btl_hear', 'permission_callback' => '__return_true' )
	);
}

/** Standard Webhooks 1.0.0, see docs/webhooks.md. */
function btl_is_signed( $request ) {
	$stamp = (string) $request->get_header( 'webhook_timestamp' );
	if ( ! preg_match( '/^[0-9]{1,12}$/D', $stamp ) || abs( time() - (int) $stamp ) > 300 ) {
		return false;
	}
	$key      = base64_decode( preg_replace( '/^whsec_/', '', BTL_WEBHOOK_SECRET ) );
	$signed   = $request->get_header( 'webhook_id' ) . ".$stamp." . $request->get_body();
	$expected = 'v1,' . base64_encode( hash_hmac( 'sha256', $signed, $key, true ) );
	foreach ( explode( ' ', (string) $request->get_header( 'webhook_signature' ) ) as $given ) {
		if ( hash_equals( $expected, $given ) ) {
			return true;
		}
	}
	return false;
}

/** Once and in order: an event whose sequence is not newer than the last one is a repeat or came late. */
function btl_hear( $request ) {
	if ( ! btl_is_signed( $request ) ) {
		return new WP_REST_Response( null, 401 );
	}
	$event  = json_decode( $request->get_body(), true );
	$data   = $event['data'] ?? array();
	$prefix = btl_external_id( '' );
	$id     = (string) ( $data['external_id'] ?? '' );
	if ( 0 !== strpos( $id, $prefix ) ) {
		return new WP_REST_Response( null, 204 ); // a ping, or nothing of ours
	}
	$id = (int) substr( $id, strlen( $prefix ) );
	if ( ! get_comment( $id ) || $data['sequence'] <= (int) get_comment_meta( $id, 'btl_sequence', true ) ) {
		return new WP_REST_Response( null, 204 );
	}
	do_action( 'btl_hearing' ); // so that what follows is not told back as a moderator's decision
	update_comment_meta( $id, 'btl_id', $data['id'] );
	$reasons = array_column( $data['reasons'] ?? array(), 'name' );
	$down    = array( 'held' => 'hold', 'rejected' => array_intersect( $reasons, array( 'spam', 'SPAM' ) ) ? 'spam' : 'trash' );
	switch ( $event['type'] ) {
		case 'comment.edited':
			wp_update_comment( wp_slash( array( 'comment_ID' => $id, 'comment_content' => $data['body'] ) ) );
			// and then it is public, as after:
		case 'comment.approved':
			wp_set_comment_status( $id, 'approve' );
			break;
		case 'comment.held':
		case 'comment.rejected':
		case 'comment.retracted':
			wp_set_comment_status( $id, $down[ $data['status'] ] ?? 'trash' );
			break;
		case 'comment.erased':
			wp_delete_comment( $id, true );
			return new WP_REST_Response( null, 204 );
	}
	// Last: should WordPress break down before, the sender tries again.
	update_comment_meta( $id, 'btl_sequence', (int) $data['sequence'] );
	return new WP_REST_Response( null, 204 );
}
