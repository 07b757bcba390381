// A webhook receiver in Go, without any module: copy verify and takeOver into your site.
//
//	BTL_WEBHOOK_SECRET=whsec_… COMMENTS_DIR=comments PORT=9000 go run receiver.go
//
// It keeps one JSON file for each comment where your site would have a row. docs/webhooks.md describes the events.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

type event struct {
	Type string `json:"type"`
	Data struct {
		ID       string `json:"id"`
		Sequence int64  `json:"sequence"`
		Status   string `json:"status"`
		Name     string `json:"name"`
		Body     string `json:"body"`
	} `json:"data"`
}

type comment struct {
	Sequence int64  `json:"sequence"`
	Status   string `json:"status"`
	Name     string `json:"name,omitempty"`
	Body     string `json:"body,omitempty"`
}

var (
	isID        = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	isStamp     = regexp.MustCompile(`^[0-9]{1,12}$`)
	oneAtATime  sync.Mutex // your database's transaction does this
	folder      = setting("COMMENTS_DIR", "comments")
	maxBodySize = int64(1 << 20)
)

func verify(secret []byte, header http.Header, body []byte) bool {
	stamp := header.Get("webhook-timestamp")
	if !isStamp.MatchString(stamp) {
		return false
	}
	sentAt, _ := strconv.ParseInt(stamp, 10, 64)
	if age := time.Now().Unix() - sentAt; age > 300 || age < -300 {
		return false // too old, or a clock that is wrong
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(header.Get("webhook-id") + "." + stamp + "."))
	mac.Write(body)
	expected := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	// Several signatures, space-separated, while a secret is being changed. Compared in constant time.
	for _, given := range strings.Fields(header.Get("webhook-signature")) {
		if hmac.Equal(expected, []byte(given)) {
			return true
		}
	}
	return false
}

// Once and in order: an event whose sequence is not newer than the last one is a repeat or came late.
func takeOver(e event) error {
	if !isID.MatchString(e.Data.ID) {
		return errors.New("not an id")
	}
	path := filepath.Join(folder, e.Data.ID+".json")
	var known comment
	if text, err := os.ReadFile(path); err == nil {
		if err := json.Unmarshal(text, &known); err != nil {
			return err
		}
	}
	if e.Data.Sequence <= known.Sequence {
		return nil
	}
	known.Sequence, known.Status = e.Data.Sequence, e.Data.Status
	switch e.Type {
	case "comment.approved", "comment.edited": // publish, or replace
		known.Name, known.Body = e.Data.Name, e.Data.Body
	case "appeal.decided":
	default: // take down, and do not keep what must not be read
		known.Name, known.Body = "", ""
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	text, err := json.Marshal(known)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func main() {
	secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(os.Getenv("BTL_WEBHOOK_SECRET"), "whsec_"))
	if err != nil || len(secret) == 0 {
		log.Fatal("BTL_WEBHOOK_SECRET must be whsec_ followed by base64")
	}
	http.HandleFunc("/webhooks", func(w http.ResponseWriter, r *http.Request) {
		// The raw bytes: a parsed and re-written document no longer matches.
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodySize))
		if err != nil || !verify(secret, r.Header, body) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		var e event
		if err = json.Unmarshal(body, &e); err == nil && (strings.HasPrefix(e.Type, "comment.") || strings.HasPrefix(e.Type, "appeal.")) {
			oneAtATime.Lock()
			defer oneAtATime.Unlock()
			err = takeOver(e)
		}
		if err != nil {
			log.Print(err)
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent) // only now: anything else makes the sender try again
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+setting("PORT", "9000"), nil))
}
